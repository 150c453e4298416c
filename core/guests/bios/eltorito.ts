/** Booting from CD, and the disk that a boot catalog may ask to be emulated. [ElTorito] "El Torito" Bootable CD-ROM Format 1.0. */
import { dispatch } from './service.ts';

export const eltorito = `
; reads CX CD sectors from EAX on to ES:DI; CF, AH
read_cd:
  mov [RQ_LBA], eax
  mov dword [RQ_LBA+4], 0
  mov [RQ_COUNT], cx
  mov [RQ_SEGMENT], es
  mov [RQ_OFFSET], di
  mov byte [RQ_OP], OP_READ
  jmp transfer
; one to BUFFER
read_cd_buffer:
  push ds
  pop es
  mov di, BUFFER
  mov cx, 1
  jmp read_cd

; loads what CD drive SI (BIOS number DL) boots; AX = its segment, DL = the drive it is told. CF with LAST_REASON
load_cd:
  mov [EMU_DRIVE], dl
  mov byte [EMU_ACTIVE], 0
  mov ax, si
  sub ax, DRIVES
  shr ax, 6
  mov [EMU_CD], al
  call cd_ready
  mov word [LAST_REASON], text_no_disc
  jc .ret
  mov eax, 17
  call read_cd_buffer
  mov word [LAST_REASON], text_unreadable
  jc .ret
  mov word [LAST_REASON], text_no_boot_record
  cmp dword [BUFFER], 0x30444300 ; 0, "CD001"
  jne .bad
  mov di, BUFFER+7
  mov bx, text_el_torito
  mov cx, 9
.compare:
  mov al, [cs:bx]
  cmp al, [di]
  jne .bad
  inc bx
  inc di
  loop .compare
  mov eax, [BUFFER+0x47]
  call read_cd_buffer
  mov word [LAST_REASON], text_unreadable
  jc .ret
  mov word [LAST_REASON], text_bad_catalog
  cmp byte [BUFFER], 1
  jne .bad
  cmp word [BUFFER+0x1e], 0xaa55
  jne .bad
  mov word [LAST_REASON], text_not_bootable
  cmp byte [BUFFER+0x20], 0x88
  jne .bad
  mov eax, [BUFFER+0x28]
  mov [EMU_LBA], eax
  mov ax, [BUFFER+0x22]
  test ax, ax
  jnz .segment
  mov ax, 0x7c0
.segment:
  mov [EMU_LOAD_SEGMENT], ax
  mov cx, [BUFFER+0x26]
  mov [EMU_LOAD_COUNT], cx
  mov al, [BUFFER+0x21]
  and al, 15
  mov [EMU_MEDIA], al
  jnz .emulate
  ; no emulation: the count is of 512 bytes
  add cx, 3
  shr cx, 2
  jnz .count
  inc cx
.count:
  mov es, [EMU_LOAD_SEGMENT]
  xor di, di
  mov eax, [EMU_LBA]
  call read_cd
  mov word [LAST_REASON], text_unreadable
  jc .ret
  jmp .loaded
.bad:
  stc
.ret:
  ret

.emulate:
  mov word [LAST_REASON], text_unknown_media
  cmp al, 4
  ja .bad
  je .hard_disk
  movzx bx, al
  movzx ax, byte [cs:bx+emulated_sectors-1]
  mov [EMU_SPT], ax
  mov word [EMU_CYLINDERS], 80
  mov word [EMU_HEADS], 2
  imul eax, eax, 160
  movzx eax, ax
  mov [EMU_SECTORS], eax
  mov al, 0
  jmp .active
.hard_disk:
  ; its geometry is that of the end of its only partition
  mov eax, [EMU_LBA]
  call read_cd_buffer
  mov word [LAST_REASON], text_unreadable
  jc .ret
  mov al, [BUFFER+0x1be+5]
  inc ax
  xor ah, ah
  mov [EMU_HEADS], ax
  mov al, [BUFFER+0x1be+6]
  mov ah, al
  and al, 0x3f
  movzx cx, al
  mov [EMU_SPT], cx
  mov al, [BUFFER+0x1be+7]
  shr ah, 6
  inc ax
  mov [EMU_CYLINDERS], ax
  mov eax, [BUFFER+0x1be+8]
  add eax, [BUFFER+0x1be+12]
  mov [EMU_SECTORS], eax
  mov al, 0x80
.active:
  mov [EMU_DRIVE], al
  mov byte [EMU_ACTIVE], 1
  mov es, [EMU_LOAD_SEGMENT]
  xor di, di
  xor eax, eax
  mov cx, 1
  call emulated_read
  mov word [LAST_REASON], text_unreadable
  jc .ret
.loaded:
  mov ax, [EMU_LOAD_SEGMENT]
  mov dl, [EMU_DRIVE]
  clc
  ret
; sectors of a track of a 1.2, 1.44 and 2.88-MB floppy
emulated_sectors:
  db 15, 18, 36
text_el_torito:
  db 'EL TORITO'

; CX sectors of 512 bytes from EAX on of the emulated disk to ES:DI; CF, AH
emulated_read:
  mov [EMU_SAVED], eax
  mov [EMU_SAVED+4], cx
  mov [EMU_SAVED+8], di
  mov [EMU_SAVED+10], es
  mov dword [EMU_CACHED], -1
  mov word [EMU_SAVED+12], 0
  mov al, [EMU_CD]
  call drive_entry
.next:
  mov ah, 0
  cmp word [EMU_SAVED+4], 0
  je .ret
  mov eax, [EMU_SAVED]
  shr eax, 2
  add eax, [EMU_LBA]
  cmp eax, [EMU_CACHED]
  je .copy
  mov [EMU_CACHED], eax
  call read_cd_buffer
  jc .ret
.copy:
  push si
  mov si, [EMU_SAVED]
  and si, 3
  shl si, 9
  add si, BUFFER
  les di, [EMU_SAVED+8]
  mov cx, 256
  rep movsw
  pop si
  add word [EMU_SAVED+10], 0x20
  inc dword [EMU_SAVED]
  inc word [EMU_SAVED+12]
  dec word [EMU_SAVED+4]
  jmp .next
.ret:
  ret

; INT 13h for the emulated drive
emulated_disk:
${dispatch(
  {
    0: 'int13_ok',
    1: 'int13_last_status',
    2: '.read',
    3: '.protected',
    4: '.verify',
    5: '.protected',
    8: '.parameters',
    9: 'int13_ok',
    12: 'int13_ok',
    13: 'int13_ok',
    16: 'int13_ok',
    17: 'int13_ok',
    20: 'int13_ok',
    21: '.type',
    22: 'int13_ok',
    75: 'eltorito_status',
  },
  'int13_bad_command',
)}
.protected:
  mov ah, 3
  jmp int13_fail
.address:
  ; the place of cylinder, head and sector, by an entry made for it
  mov si, FD_SCRATCH-D_CYLINDERS
  mov ax, [EMU_CYLINDERS]
  mov [si+D_CYLINDERS], ax
  mov ax, [EMU_HEADS]
  mov [si+D_HEADS], ax
  mov ax, [EMU_SPT]
  mov [si+D_SPT], ax
  call chs_to_lba
  jc .no_place
  movzx ecx, byte [bp+F_AL]
  mov eax, [RQ_LBA]
  add ecx, eax
  cmp [EMU_SECTORS], ecx
.no_place:
  ret
.verify:
  call .address
  jc int13_bad_command
  jmp int13_ok
.read:
  call .address
  jc int13_bad_command
  movzx cx, byte [bp+F_AL]
  mov es, [bp+F_ES]
  mov di, [bp+F_BX]
  ; as far down in its segment as it can be
  mov dx, di
  shr dx, 4
  mov bx, es
  add bx, dx
  mov es, bx
  and di, 15
  call emulated_read
  mov al, [EMU_SAVED+12]
  mov [bp+F_AL], al
  jmp int13_result
.parameters:
  mov ax, [EMU_CYLINDERS]
  dec ax
  mov [bp+F_CH], al
  shl ah, 6
  or ah, [EMU_SPT]
  mov [bp+F_CL], ah
  mov al, [EMU_HEADS]
  dec al
  mov [bp+F_DH], al
  mov byte [bp+F_AL], 0
  cmp byte [EMU_DRIVE], 0x80
  je .disk
  mov al, [FLOPPY_COUNT]
  inc al
  mov [bp+F_DL], al
  mov al, [EMU_MEDIA]           ; 1.2, 1.44, 2.88 MB: types 2, 4, 5
  add al, 2
  cmp al, 4
  jae .kind
  dec al
.kind:
  mov [bp+F_BL], al
  mov [bp+F_ES], cs
  mov word [bp+F_DI], diskette_table
  jmp int13_ok
.disk:
  mov al, [DISK_COUNT]
  inc al
  mov [bp+F_DL], al
  jmp int13_ok
.type:
  mov byte [bp+F_AH], 1
  cmp byte [EMU_DRIVE], 0x80
  jne int13_no_carry
  mov byte [bp+F_AH], 3
  mov ax, [EMU_SECTORS]
  mov [bp+F_DX], ax
  mov ax, [EMU_SECTORS+2]
  mov [bp+F_CX], ax
  jmp int13_no_carry

; AL 0: ends emulation; 1: does not. The specification packet to DS:SI
eltorito_status:
  mov al, [bp+F_DL]
  cmp al, [EMU_DRIVE]
  jne int13_bad_command
  cmp byte [bp+F_AL], 1
  ja int13_bad_command
  mov es, [bp+F_DS]
  mov di, [bp+F_SI]
  mov al, 0x13
  stosb
  mov al, [EMU_MEDIA]
  stosb
  mov al, [EMU_DRIVE]
  stosb
  mov al, 0
  stosb
  mov eax, [EMU_LBA]
  stosd
  xor eax, eax
  stosd
  mov ax, [EMU_LOAD_SEGMENT]
  stosw
  mov ax, [EMU_LOAD_COUNT]
  stosw
  mov ax, [EMU_CYLINDERS]
  stosb
  shl ah, 6
  or ah, [EMU_SPT]
  mov al, ah
  stosb
  mov al, [EMU_HEADS]
  stosb
  cmp byte [bp+F_AL], 0
  jne int13_ok
  mov byte [EMU_ACTIVE], 0
  jmp int13_ok
`;
