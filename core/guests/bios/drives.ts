/** Which drives there are: IDE channels and AHCI ports by PCI class, floppies by CMOS; and their BIOS numbers. */
export const drives = `
; fills the drive table; DS = EBDA
find_drives:
  call find_floppies
  mov esi, 0x010100
  mov di, ide_function
  call each_function
  mov esi, 0x010600
  mov di, ahci_function
  call each_function
  ; what the BIOS data area tells
  push BDA
  pop es
  mov al, [DISK_COUNT]
  mov [es:HD_COUNT], al
  mov al, [FLOPPY_COUNT]
  test al, al
  jz .ret
  dec al
  shl al, 6
  or al, 1
  or [es:EQUIPMENT], al
.ret:
  ret

; calls DI with EBX, the configuration address, and BX pushed as bus and function, for each function of class ESI
each_function:
  xor bx, bx
.next:
  push bx
  push esi
  push di
  mov dx, bx
  call pci_function
  push dx
  push di
  mov di, 8
  call pci_select
  in eax, dx
  pop di
  pop dx
  shr eax, 8
  mov cl, al                    ; programming interface
  xor al, al
  cmp eax, esi
  jne .other
  call di
.other:
  pop di
  pop esi
  pop bx
  call pci_next
  cmp bh, [PCI_LAST_BUS]
  jbe .next
  ret

; SI = the next free entry, cleared; CF when all are taken
new_drive:
  mov al, [DRIVE_COUNT]
  cmp al, MAX_DRIVES
  cmc
  jc .ret
  call drive_entry
  push es
  push ds
  pop es
  push di
  mov di, si
  push cx
  mov cx, DRIVE_BYTES / 2
  xor ax, ax
  rep stosw
  pop cx
  pop di
  pop es
  clc
.ret:
  ret

; the entry SI stays, and gets a number in its map
keep_drive:
  mov bx, FLOPPY_COUNT
  mov di, FLOPPY_MAP
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je .there
  mov bx, DISK_COUNT
  mov di, DISK_MAP
  cmp word [si+D_SECTOR_BYTES], 512
  je .there
  mov bx, CD_COUNT
  mov di, CD_MAP
.there:
  movzx ax, byte [bx]
  cmp al, 8
  jae .ret
  inc byte [bx]
  add di, ax
  mov al, [DRIVE_COUNT]
  mov [di], al
  inc byte [DRIVE_COUNT]
.ret:
  ret

; function DX (EBX its configuration address) with two IDE channels, interface CL
ide_function:
  xor ch, ch
.channel:
  ; compatible ports, or those of the base address registers
  mov ax, 0x1f0
  mov bp, 0x3f6
  test ch, ch
  jz .compatible
  mov ax, 0x170
  mov bp, 0x376
.compatible:
  test cl, 1
  jz .ports
  movzx di, ch
  shl di, 3
  add di, 0x10
  push dx
  call pci_select
  in eax, dx
  and al, 0xf8
  push ax
  add di, 4
  call pci_select
  in eax, dx
  and al, 0xfc
  mov bp, ax
  add bp, 2
  pop ax
  pop dx
.ports:
  xor di, di
.unit:
  push ax
  call new_drive
  pop ax
  jc .ret
  mov [si+D_BASE], ax
  mov [si+D_CONTROL], bp
  mov [si+D_BDF], dx
  mov [si+D_CHANNEL], ch
  mov word [si+D_SLAVE], di
  mov byte [si+D_SELECT], 0xa0
  test di, di
  jz .master
  mov byte [si+D_SELECT], 0xb0
.master:
  pushad
  call ata_identify
  jc .no
  call keep_drive
.no:
  popad
  inc di
  cmp di, 2
  jb .unit
  shr cl, 2
  inc ch
  cmp ch, 2
  jb .channel
.ret:
  ret

; the answer to IDENTIFY (PACKET) DEVICE is in BUFFER: size, geometry, model of SI. CF = 0
identified:
  push EBDA_SEGMENT
  pop es
  mov bx, BUFFER
  mov word [si+D_SECTOR_BYTES], 2048
  cmp byte [si+D_TYPE], TYPE_ATAPI
  je .model
  cmp byte [si+D_TYPE], TYPE_AHCI_CD
  je .model
  mov word [si+D_SECTOR_BYTES], 512
  mov eax, [bx+120]             ; words 60, 61
  xor edx, edx
  test byte [bx+83*2+1], 4      ; 48-bit addresses
  jz .size
  or byte [si+D_FLAGS], FLAG_LBA48
  mov ecx, [bx+200]             ; words 100 to 103
  mov edi, [bx+204]
  mov ebp, ecx
  or ebp, edi
  jz .size
  mov eax, ecx
  mov edx, edi
.size:
  mov [si+D_SECTORS], eax
  mov [si+D_SECTORS+4], edx
  mov cx, [bx+2]
  mov [si+D_PCYLINDERS], cx
  mov cx, [bx+6]
  mov [si+D_PHEADS], cx
  mov cx, [bx+12]
  mov [si+D_PSPT], cx
  call set_geometry
.model:
  ; words 27 to 46, bytes swapped
  lea di, [si+D_MODEL]
  mov cx, 14
  add bx, 54
.word:
  mov ax, [bx]
  xchg al, ah
  mov [di], ax
  add bx, 2
  add di, 2
  loop .word
  mov cx, 28
.trim:
  dec di
  cmp byte [di], 0x20
  ja .end
  mov byte [di], 0
  loop .trim
.end:
  clc
  ret

; cylinders, heads, sectors for INT 13h: the drive's own when 1024 cylinders are enough, else 63 sectors and as many heads
; as it takes, the size being EDX:EAX
set_geometry:
  mov cx, [si+D_PHEADS]
  mov [si+D_HEADS], cx
  mov cx, [si+D_PSPT]
  mov [si+D_SPT], cx
  mov cx, [si+D_PCYLINDERS]
  cmp cx, 1024
  jbe .set
  mov word [si+D_SPT], 63
  mov cx, 1024
  test edx, edx
  jnz .most
  mov edi, 16
.try:
  mov ecx, edi
  imul ecx, ecx, 63
  push eax
  xor edx, edx
  div ecx
  mov ecx, eax
  pop eax
  cmp ecx, 1024
  jbe .heads
  shl edi, 1
  cmp edi, 128
  jbe .try
.most:
  mov edi, 255
  mov ecx, 1024
  cmp eax, 1024*255*63
  jae .heads
  test edx, edx
  jnz .heads
  push eax
  mov ebp, 255*63
  div ebp
  mov ecx, eax
  pop eax
.heads:
  mov [si+D_HEADS], di
.set:
  mov [si+D_CYLINDERS], cx
  ret
`;
