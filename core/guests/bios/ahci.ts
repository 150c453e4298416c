/**
 * SATA drives behind an AHCI controller, by the index-data pair of its fifth base address register: its registers can be
 * reached from real mode. [AHCI] Serial ATA AHCI 1.3.1, 3 and 4 (5.5 for commands); [ICH9] 13.1 (index-data pair).
 *
 * All ports share one command list with one slot and one area for received FISes: only one command runs at a time.
 */
export const ahci = `
; EAX = the controller's register AX; DX changes
ahci_get:
  mov dx, [si+D_BASE]
  movzx eax, ax
  out dx, eax
  add dx, 4
  in eax, dx
  ret
; register AX = ECX
ahci_put:
  mov dx, [si+D_BASE]
  movzx eax, ax
  out dx, eax
  add dx, 4
  mov eax, ecx
  out dx, eax
  ret
; the same for register AX of the drive's port
ahci_get_port:
  call ahci_port
  jmp ahci_get
ahci_put_port:
  call ahci_port
  jmp ahci_put
ahci_port:
  mov dx, [si+D_CONTROL]
  shl dx, 7
  add ax, dx
  add ax, 0x100
  ret

; waits up to half a second until the bits EBX of port register AX are 0; CF when they stay
ahci_wait_clear:
  push ax
  mov ax, 10
  call set_deadline
  pop ax
ahci_wait:
  push ax
  call ahci_get_port
  test eax, ebx
  pop ax
  jz .ret
  call in_time
  jc ahci_wait
  stc
.ret:
  ret

; stops the engine: ST and FRE to 0
ahci_stop:
  mov ax, 0x18
  call ahci_get_port
  mov ecx, eax
  and cl, 0xfe
  mov ax, 0x18
  call ahci_put_port
  mov ax, 0x18
  mov ebx, 0x8000
  call ahci_wait_clear
  mov ax, 0x18
  call ahci_get_port
  mov ecx, eax
  and cl, 0xee
  mov ax, 0x18
  call ahci_put_port
  mov ax, 0x18
  mov ebx, 0x4000
  jmp ahci_wait_clear

; starts it: lists in place, received FISes taken, drive spun up. CF when there is no drive or it stays busy
ahci_start:
  mov ecx, EBDA_LINEAR+AHCI_LIST
  mov ax, 0
  call ahci_put_port
  mov ecx, EBDA_LINEAR+AHCI_FIS
  mov ax, 8
  call ahci_put_port
  xor ecx, ecx
  mov ax, 4
  call ahci_put_port
  mov ax, 0x0c
  call ahci_put_port
  mov ax, 0x14                  ; no interrupts
  call ahci_put_port
  mov ax, 0x18
  call ahci_get_port
  mov ecx, eax
  or cl, 0x16                   ; FRE, POD, SUD
  mov ax, 0x18
  call ahci_put_port
  call .detect
  jnc .there
  mov eax, 10000
  call delay
  call .detect
  jc .ret
.there:
  mov ecx, -1
  mov ax, 0x30                  ; SERR
  call ahci_put_port
  mov ax, 180
  call set_deadline
  mov ebx, 0x88
  mov ax, 0x20                  ; TFD: BSY, DRQ
  call ahci_wait
  jc .ret
  mov ecx, -1
  mov ax, 0x10                  ; IS
  call ahci_put_port
  mov ax, 0x18
  call ahci_get_port
  mov ecx, eax
  or cl, 1
  mov ax, 0x18
  call ahci_put_port
  clc
.ret:
  ret
.detect:
  mov ax, 0x28                  ; SSTS: device present, communication established
  call ahci_get_port
  and al, 0x0f
  cmp al, 3
  je .ret
  stc
  ret

; function DX (EBX its configuration address): an entry for each drive
ahci_function:
  mov di, 0x20
  mov bp, dx
  call pci_select
  in eax, dx
  test al, 1
  jz .ret
  and al, 0xe0
  mov cx, ax
  add cx, 0x10
  call new_drive
  jc .ret
  mov [si+D_BASE], cx
  push cx
  mov ax, 4                     ; GHC: AHCI enable
  call ahci_get
  mov ecx, eax
  or ecx, 0x80000000
  and cl, 0xfd
  mov ax, 4
  call ahci_put
  mov ax, 0x0c                  ; ports implemented
  call ahci_get
  pop cx
  xor di, di
.port:
  shr eax, 1
  jnc .no
  pushad
  call new_drive
  jc .skip
  mov [si+D_BASE], cx
  mov [si+D_CONTROL], di
  mov [si+D_BDF], bp
  mov [si+D_CHANNEL], di
  mov byte [si+D_SLAVE], 0
  mov byte [si+D_SELECT], 0x40
  call ahci_identify
  jc .skip
  call keep_drive
.skip:
  popad
.no:
  inc di
  test eax, eax
  jnz .port
.ret:
  ret

ahci_identify:
  call ahci_stop
  call ahci_start
  jc .ret
  mov ax, 0x24                  ; SIG
  call ahci_get_port
  mov byte [si+D_TYPE], TYPE_AHCI
  mov bl, 0xec
  cmp eax, 0x00000101
  je .ask
  mov byte [si+D_TYPE], TYPE_AHCI_CD
  mov bl, 0xa1
  cmp eax, 0xeb140101
  stc
  jne .ret
.ask:
  call clear_fis
  mov [AHCI_TABLE+2], bl
  push EBDA_SEGMENT
  pop es
  mov di, BUFFER
  mov ecx, 512
  xor al, al
  call ahci_command
  jc .ret
  jmp identified
.ret:
  ret

; a command FIS, host to device, all else 0
clear_fis:
  push es
  push di
  push cx
  push ds
  pop es
  mov di, AHCI_TABLE
  mov cx, 0x40
  xor ax, ax
  rep stosw
  mov word [AHCI_TABLE], 0x8027
  pop cx
  pop di
  pop es
  ret

; CX sectors of RQ_LBA, ES:DI
ahci_transfer:
  call clear_fis
  mov eax, [RQ_LBA]
  mov [AHCI_TABLE+4], eax
  mov byte [AHCI_TABLE+7], 0x40
  mov al, [RQ_LBA+3]
  mov [AHCI_TABLE+8], al
  mov ax, [RQ_LBA+4]
  mov [AHCI_TABLE+9], ax
  mov [AHCI_TABLE+12], cx
  ; READ or WRITE DMA, READ VERIFY SECTORS, or their EXT kin
  movzx bx, byte [RQ_OP]
  test byte [si+D_FLAGS], FLAG_LBA48
  jz .short
  mov al, [cs:bx+ahci_commands+3]
  jmp .command
.short:
  mov al, [RQ_LBA+3]
  or al, 0x40
  mov [AHCI_TABLE+7], al
  mov al, [cs:bx+ahci_commands]
.command:
  mov [AHCI_TABLE+2], al
  movzx ecx, cx
  shl ecx, 9
  xor al, al
  cmp bl, OP_WRITE
  jb .go
  mov al, 0x40
  je .go
  xor ecx, ecx
  xor al, al
.go:
  call ahci_command
  mov ah, 0x20
  jc .ret
  xor ah, ah
.ret:
  ret
ahci_commands:
  db 0xc8, 0xca, 0x40, 0x25, 0x35, 0x42

; packet CDB; at most CX bytes to ES:DI
ahci_packet:
  call clear_fis
  mov byte [AHCI_TABLE+2], 0xa0
  movzx ecx, cx
  test cx, cx
  jz .no_data
  mov byte [AHCI_TABLE+3], 1    ; by DMA
.no_data:
  push eax
  mov eax, [CDB]
  mov [AHCI_TABLE+0x40], eax
  mov eax, [CDB+4]
  mov [AHCI_TABLE+0x44], eax
  mov eax, [CDB+8]
  mov [AHCI_TABLE+0x48], eax
  pop eax
  mov al, 0x20

; runs the command in the table with ECX bytes at ES:DI and flags AL of its header; CF when it fails
ahci_command:
  movzx eax, al
  or al, 5                      ; dwords of the FIS
  mov [AHCI_LIST], eax
  mov dword [AHCI_LIST+4], 0
  mov dword [AHCI_LIST+8], EBDA_LINEAR+AHCI_TABLE
  mov dword [AHCI_LIST+12], 0
  jecxz .no_data
  mov byte [AHCI_LIST+2], 1
  xor eax, eax
  mov ax, es
  shl eax, 4
  movzx edx, di
  add eax, edx
  mov [AHCI_TABLE+0x80], eax
  xor eax, eax
  mov [AHCI_TABLE+0x84], eax
  mov [AHCI_TABLE+0x88], eax
  dec ecx
  mov [AHCI_TABLE+0x8c], ecx
.no_data:
  mov ecx, -1
  mov ax, 0x10                  ; IS
  call ahci_put_port
  mov ecx, 1
  mov ax, 0x38                  ; CI
  call ahci_put_port
  mov ax, 550
  call set_deadline
.wait:
  mov ax, 0x10
  call ahci_get_port
  test eax, 0x78000000          ; task file or bus error
  jnz .error
  mov ax, 0x38
  call ahci_get_port
  test al, 1
  jz .done
  call in_time
  jc .wait
  jmp .error
.done:
  mov ax, 0x20
  call ahci_get_port
  test al, 1
  jnz .error
  ret
.error:
  push es
  call ahci_stop
  call ahci_start
  pop es
  stc
  ret
`;
