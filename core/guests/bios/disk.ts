/**
 * A request to a drive, in pieces that its driver takes, and waiting with a limit. A driver gets CX sectors at ES:DI with
 * RQ_LBA and RQ_OP set, and ends with CF and an INT 13h status in AH.
 */
export const disk = `
; RQ_COUNT sectors from RQ_LBA on, to or from the buffer; RQ_DONE of them succeed
transfer:
  mov word [RQ_DONE], 0
.next:
  mov cx, [RQ_COUNT]
  jcxz .done
  ; a piece is below 64 KiB and begins in the first paragraph of its segment
  mov ax, [RQ_OFFSET]
  shr ax, 4
  add [RQ_SEGMENT], ax
  and word [RQ_OFFSET], 15
  mov ax, 127
  cmp word [si+D_SECTOR_BYTES], 512
  je .limit
  mov ax, 31
.limit:
  cmp cx, ax
  jbe .fits
  mov cx, ax
.fits:
  mov [RQ_CHUNK], cx
  mov es, [RQ_SEGMENT]
  mov di, [RQ_OFFSET]
  call drive_transfer
  jc .ret
  movzx eax, word [RQ_CHUNK]
  add [RQ_DONE], ax
  sub [RQ_COUNT], ax
  add [RQ_LBA], eax
  adc dword [RQ_LBA+4], 0
  mul word [si+D_SECTOR_BYTES]
  shr ax, 4
  add [RQ_SEGMENT], ax
  jmp .next
.done:
  xor ah, ah
.ret:
  ret
; one piece by the drive's driver. AHCI moves words: from and to odd addresses a sector at a time goes through BUFFER
drive_transfer:
  movzx bx, byte [si+D_TYPE]
  shl bx, 1
  test di, 1
  jz .even
  cmp byte [si+D_TYPE], TYPE_AHCI
  jae .odd
.even:
  jmp word [cs:bx+drivers-2]
.odd:
  mov cx, 1
  mov [RQ_CHUNK], cx
  cmp byte [RQ_OP], OP_WRITE
  jne .read
  push si
  push es
  push ds
  push ds
  push es
  pop ds
  pop es
  mov si, di
  mov di, BUFFER
  mov cx, 256
  rep movsw
  pop ds
  pop es
  pop si
.read:
  push es
  push di
  push EBDA_SEGMENT
  pop es
  mov di, BUFFER
  mov cx, 1
  call word [cs:bx+drivers-2]
  pop di
  pop es
  jc .ret
  cmp byte [RQ_OP], OP_READ
  clc
  jne .ret
  mov cx, [si+D_SECTOR_BYTES]
  push si
  mov si, BUFFER
  rep movsb
  pop si
  clc
.ret:
  ret
drivers:
  dw floppy_transfer, ata_transfer, cd_transfer, ahci_transfer, cd_transfer

; the time for something: AX ticks of 55 ms from now
set_deadline:
  push fs
  push BDA
  pop fs
  add ax, [fs:TICKS]
  mov [DEADLINE], ax
  pop fs
  ret
; CF while there is time; keeps all else
in_time:
  push fs
  push ax
  push BDA
  pop fs
  sti
  mov ax, [fs:TICKS]
  sub ax, [DEADLINE]
  cmp ax, 0x8000
  cmc
  pop ax
  pop fs
  ret

; --- CD drives: SCSI commands in packets. [MMC] ---

; packet CDB, answer of CX bytes to ES:DI; CF when the drive refuses
packet:
  cmp byte [si+D_TYPE], TYPE_ATAPI
  je ata_packet
  jmp ahci_packet
clear_cdb:
  push ax
  xor eax, eax
  mov [CDB], eax
  mov [CDB+4], eax
  mov [CDB+8], eax
  pop ax
  ret

; READ (10) of CX sectors
cd_transfer:
  mov ah, 3
  cmp byte [RQ_OP], OP_READ
  stc
  jne .ret
  push cx
  call cd_ready
  pop cx
  jc .ret
  call clear_cdb
  mov byte [CDB], 0x28
  mov eax, [RQ_LBA]
  bswap eax
  mov [CDB+2], eax
  mov [CDB+8], cl
  mov [CDB+7], ch
  shl cx, 11
  call packet
  mov ah, 4
.ret:
  ret

; waits until the drive has a medium and is ready; CF and status AH when it has none
cd_ready:
  push es
  push di
  mov ax, 180                   ; ten seconds
  call set_deadline
.again:
  call clear_cdb
  xor cx, cx
  call packet                   ; TEST UNIT READY
  jnc .ret
  ; REQUEST SENSE
  call clear_cdb
  mov word [CDB], 0x0003
  mov byte [CDB+4], 18
  push EBDA_SEGMENT
  pop es
  mov di, BUFFER
  mov dword [BUFFER+12], 0
  mov cx, 18
  call packet
  mov ah, 0x31                  ; no media in drive
  cmp byte [BUFFER+12], 0x3a
  stc
  je .ret
  call in_time
  jc .again
  mov ah, 0x80
  stc
.ret:
  pop di
  pop es
  ret

; READ CAPACITY to D_SECTORS, 0 when there is nothing to read
cd_capacity:
  push es
  mov dword [si+D_SECTORS], 0
  call cd_ready
  jc .ret
  call clear_cdb
  mov byte [CDB], 0x25
  push EBDA_SEGMENT
  pop es
  mov di, BUFFER
  mov cx, 8
  call packet
  jc .ret
  mov eax, [BUFFER]
  bswap eax
  inc eax
  mov [si+D_SECTORS], eax
.ret:
  pop es
  ret

; START STOP UNIT: eject
cd_eject:
  call clear_cdb
  mov byte [CDB], 0x1b
  mov byte [CDB+4], 2
  xor cx, cx
  call packet
  mov ah, 0xb5
  ret
`;
