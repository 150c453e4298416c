/** ATA and ATAPI drives at the ports of a channel, by programmed I/O. [ATA] ATA/ATAPI-6, sections 6 and 9. */
export const ata = `
; waits until BSY is gone; AL = status, CF when that takes longer than 30 seconds; DX = status port
ata_wait:
  mov ax, 550
  call set_deadline
  mov dx, [si+D_BASE]
  add dx, 7
.again:
  in al, dx
  test al, 0x80
  jz .ret
  call in_time
  jc .again
  stc
.ret:
  ret
; waits for data: CF at error, or when the drive wants none
ata_wait_data:
  call ata_wait
  jc .ret
  test al, 0x21
  stc
  jnz .ret
  test al, 8
  jnz .ret
  stc
.ret:
  ret

; selects the drive, with AL in the device register; interrupts off
ata_select:
  mov ah, al
  mov dx, [si+D_CONTROL]
  mov al, 0x0a
  out dx, al
  call ata_wait_kept
  jc .ret
  mov dx, [si+D_BASE]
  add dx, 6
  mov al, ah
  out dx, al
  mov dx, [si+D_CONTROL]        ; 400 ns
  in al, dx
  in al, dx
  in al, dx
  in al, dx
  call ata_wait_kept
.ret:
  ret
ata_wait_kept:
  push ax
  call ata_wait
  pop ax
  ret

; CX sectors of RQ_LBA, ES:DI
ata_transfer:
  mov al, [si+D_SELECT]
  or al, 0x40
  test byte [si+D_FLAGS], FLAG_LBA48
  jnz .selected
  mov ah, [RQ_LBA+3]
  and ah, 0x0f
  or al, ah
.selected:
  push cx
  call ata_select
  pop cx
  mov ah, 0x80
  jc .ret
  mov dx, [si+D_BASE]
  add dx, 2
  test byte [si+D_FLAGS], FLAG_LBA48
  jz .low
  ; count and LBA, the high halves first
  mov al, ch
  out dx, al
  inc dx
  mov al, [RQ_LBA+3]
  out dx, al
  inc dx
  mov al, [RQ_LBA+4]
  out dx, al
  inc dx
  mov al, [RQ_LBA+5]
  out dx, al
  sub dx, 3
.low:
  mov al, cl
  out dx, al
  inc dx
  mov al, [RQ_LBA]
  out dx, al
  inc dx
  mov al, [RQ_LBA+1]
  out dx, al
  inc dx
  mov al, [RQ_LBA+2]
  out dx, al
  add dx, 2
  ; READ, WRITE or READ VERIFY SECTORS, their EXT kin, or READ and WRITE MULTIPLE
  movzx bx, byte [RQ_OP]
  test byte [si+D_FLAGS], FLAG_LBA48
  jz .short
  add bx, 3
.short:
  cmp byte [si+D_BLOCK], 1
  je .command
  add bx, 6
.command:
  mov al, [cs:bx+ata_commands]
  out dx, al
  cmp byte [RQ_OP], OP_VERIFY
  je .end
.block:
  push cx
  call ata_wait_data
  pop cx
  jc .error
  movzx ax, byte [si+D_BLOCK]
  cmp ax, cx
  jbe .whole
  mov ax, cx
.whole:
  sub cx, ax
  push cx
  mov cx, ax
  shl cx, 7
  mov dx, [si+D_BASE]
  cmp byte [RQ_OP], OP_READ
  jne .write
  rep insd
  jmp .next
.write:
  push si
  mov si, di
  push ds
  push es
  pop ds
  rep outsd
  pop ds
  mov di, si
  pop si
.next:
  pop cx
  test cx, cx
  jnz .block
.end:
  call ata_wait
  jc .error
  test al, 0x21
  jnz .error
  xor ah, ah
  ret
.error:
  mov ah, 0x80
  test al, 0x80
  jnz .failed
  mov ah, 4                     ; sector not found
.failed:
  stc
.ret:
  ret
ata_commands:
  db 0x20, 0x30, 0x40, 0x24, 0x34, 0x42
  db 0xc4, 0xc5, 0x40, 0x29, 0x39, 0x42

; packet CDB; at most CX bytes to ES:DI
ata_packet:
  push cx
  mov al, [si+D_SELECT]
  call ata_select
  pop cx
  jc .ret
  mov dx, [si+D_BASE]
  inc dx
  xor al, al                    ; features: no DMA
  out dx, al
  add dx, 3
  mov al, 0
  out dx, al                    ; at most 63.5 KiB at once
  inc dx
  mov al, 0xf8
  out dx, al
  add dx, 2
  mov al, 0xa0
  out dx, al
  push cx
  call ata_wait_data
  pop cx
  jc .ret
  push si
  push cx
  mov dx, [si+D_BASE]
  mov si, CDB
  mov cx, 6
  rep outsw
  pop cx
  pop si
  mov bx, cx
.more:
  call ata_wait
  jc .ret
  test al, 0x21
  stc
  jnz .ret
  test al, 8
  jz .ret                       ; CF = 0
  sub dx, 3
  in al, dx
  mov cl, al
  inc dx
  in al, dx
  mov ch, al
  mov dx, [si+D_BASE]
  inc cx
  shr cx, 1
.word:
  jcxz .more
  test bx, bx
  jz .drop
  mov ax, bx
  shr ax, 1
  cmp ax, cx
  jbe .some
  mov ax, cx
.some:
  sub cx, ax
  xchg ax, cx
  sub bx, cx
  sub bx, cx
  rep insw
  xchg ax, cx
  and bx, ~1 & 0xffff
  jmp .word
.drop:
  in ax, dx
  dec cx
  jmp .word
.ret:
  ret

; INT 13h's view of a drive at the ports of SI's entry: type, size, model; CF when there is none
ata_identify:
  ; a drive answers in its registers
  mov dx, [si+D_BASE]
  add dx, 7
  in al, dx
  cmp al, 0xff
  je .none
  dec dx
  mov al, [si+D_SELECT]
  out dx, al
  mov dx, [si+D_CONTROL]
  in al, dx
  in al, dx
  in al, dx
  in al, dx
  mov dx, [si+D_BASE]
  add dx, 2
  mov ax, 0xaa55
  out dx, al
  inc dx
  xchg al, ah
  out dx, al
  in al, dx
  cmp al, 0xaa
  jne .none
  call ata_wait
  jc .none
  mov al, [si+D_SELECT]
  call ata_select
  jc .none
  mov byte [si+D_TYPE], TYPE_ATA
  mov al, 0xec                  ; IDENTIFY DEVICE
  call .ask
  jnc .disk
  mov byte [si+D_TYPE], TYPE_ATAPI
  mov al, 0xa1                  ; IDENTIFY PACKET DEVICE
  call .ask
  jc .none
  mov ax, [es:BUFFER]
  and ah, 0x1f
  cmp ah, 5                     ; a CD
  jne .none
.there:
  jmp identified
.disk:
  ; SET MULTIPLE MODE: as many sectors a block as it can, word 47
  mov byte [si+D_BLOCK], 1
  mov al, [es:BUFFER+94]
  test al, al
  jz .there
  mov cl, al
  mov dx, [si+D_BASE]
  add dx, 2
  out dx, al
  add dx, 5
  mov al, 0xc6
  out dx, al
  call ata_wait
  jc .there
  test al, 0x21
  jnz .there
  mov [si+D_BLOCK], cl
  jmp .there
.none:
  stc
  ret
.ask:
  mov dx, [si+D_BASE]
  add dx, 7
  out dx, al
  call ata_wait_data
  jc .ret
  mov dx, [si+D_BASE]
  push EBDA_SEGMENT
  pop es
  mov di, BUFFER
  mov cx, 128
  rep insd
  clc
.ret:
  ret
`;
