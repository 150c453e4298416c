/**
 * Floppy drives on an 82077AA with channel 2 of the 8237. [82077AA] data sheet, sections 5 (commands) and 2 (registers);
 * [8237A] data sheet. A drive's motor is not waited for: this board's drives are up to speed at once.
 */
import type { Listing } from './listing.ts';

/** By CMOS type: cylinders, heads, sectors, data rate. 360 KB, 1.2 MB, 720 KB, 1.44 MB, 2.88 MB twice. */
const KINDS = [
  [40, 2, 9, 2],
  [80, 2, 15, 0],
  [80, 2, 9, 2],
  [80, 2, 18, 0],
  [80, 2, 36, 3],
  [80, 2, 36, 3],
] as const;

export function floppyKinds(p: Listing): void {
  p.bind('floppy_kinds');
  for (const kind of KINDS) p.bytes(...kind);
}

export const floppy = `
; entries for the drives that CMOS byte 10h names
find_floppies:
  mov al, 0x10
  call cmos_read
  mov dl, al
  shr al, 4
  xor ah, ah
  call .one
  mov al, dl
  and al, 15
  mov ah, 1
.one:
  test al, al
  jz .ret
  cmp al, ${KINDS.length}
  ja .ret
  movzx bx, al
  push ax
  call new_drive
  pop ax
  jc .ret
  mov byte [si+D_TYPE], TYPE_FLOPPY
  mov word [si+D_SECTOR_BYTES], 512
  mov word [si+D_BDF], -1
  mov [si+D_SLAVE], ah
  shl al, 4
  or al, ah
  mov [si+D_UNIT], al           ; type and number
  shl bx, 2
  movzx ax, byte [cs:bx+floppy_kinds-4]
  mov [si+D_CYLINDERS], ax
  movzx cx, byte [cs:bx+floppy_kinds-3]
  mov [si+D_HEADS], cx
  mul cl
  movzx cx, byte [cs:bx+floppy_kinds-2]
  mov [si+D_SPT], cx
  push dx
  mul cx
  pop dx
  mov [si+D_SECTORS], ax
  mov al, [cs:bx+floppy_kinds-1]
  mov [si+D_SELECT], al         ; data rate
  push dx
  call keep_drive
  pop dx
.ret:
  ret

; AL = number of the drive SI
floppy_unit:
  mov al, [si+D_UNIT]
  and al, 15
  ret

; waits for IRQ 6; CF and AH = 80h when it does not come for two seconds
floppy_wait:
  push fs
  push BDA
  pop fs
  mov ax, 37
  call set_deadline
.again:
  test byte [fs:FD_RECALIBRATED], 0x80
  jnz .there
  call in_time
  jc .again
  mov ah, 0x80
  stc
  jmp .ret
.there:
  and byte [fs:FD_RECALIBRATED], 0x7f
  clc
.ret:
  pop fs
  ret

; AL to the controller; CF when it does not take it
floppy_out:
  push cx
  push dx
  mov ah, al
  mov dx, 0x3f4
  xor cx, cx
.again:
  in al, dx
  and al, 0xc0
  cmp al, 0x80
  je .go
  loop .again
  stc
  jmp .ret
.go:
  mov al, ah
  inc dx
  out dx, al
  clc
.ret:
  pop dx
  pop cx
  ret
; AL = a byte of the result; CF when there is none
floppy_in:
  push cx
  push dx
  mov dx, 0x3f4
  xor cx, cx
.again:
  in al, dx
  and al, 0xc0
  cmp al, 0xc0
  je .go
  loop .again
  stc
  jmp .ret
.go:
  inc dx
  in al, dx
  clc
.ret:
  pop dx
  pop cx
  ret

; SENSE INTERRUPT STATUS: AL = cylinder, AH = ST0
floppy_sense:
  mov al, 8
  call floppy_out
  call floppy_in
  mov ah, al
  push ax
  call floppy_in
  pop cx
  mov ah, ch
  ret

floppy_reset:
  push fs
  push BDA
  pop fs
  and byte [fs:FD_RECALIBRATED], 0x70
  mov dx, 0x3f2
  mov al, 8
  out dx, al
  mov al, 0x0c
  out dx, al
  and byte [fs:FD_MOTOR], 0xf0
  pop fs
  call floppy_wait
  jc .ret
  mov cx, 4
.sense:
  push cx
  call floppy_sense
  pop cx
  loop .sense
  mov al, 3                     ; SPECIFY
  call floppy_out
  mov al, 0xaf
  call floppy_out
  mov al, 2
  call floppy_out
  xor ah, ah
.ret:
  ret

; motor on, data rate, recalibrated when that has not been; CF, AH
floppy_prepare:
  push fs
  push BDA
  pop fs
  call floppy_unit
  mov cl, al
  mov ah, 1
  shl ah, cl
  mov byte [fs:FD_MOTOR_TICKS], 0xff
  test [fs:FD_MOTOR], ah
  jnz .turning
  call floppy_reset
  jc .ret
  call floppy_unit
  mov cl, al
  mov ah, 1
  shl ah, cl
  or [fs:FD_MOTOR], ah
  mov ch, al
  mov al, ah
  shl al, 4
  or al, 0x0c
  or al, ch
  mov dx, 0x3f2
  out dx, al
.turning:
  mov al, [si+D_SELECT]
  mov dx, 0x3f7
  out dx, al
  test [fs:FD_RECALIBRATED], ah
  jnz .ok
  push ax
  mov al, 7                     ; RECALIBRATE
  call floppy_out
  call floppy_unit
  call floppy_out
  call floppy_wait
  pop bx
  jc .ret
  or [fs:FD_RECALIBRATED], bh
  call floppy_sense
.ok:
  clc
.ret:
  pop fs
  ret

; CX sectors of RQ_LBA, ES:DI; by tracks, a sector at a time over BUFFER where DMA would cross 64 KiB
floppy_transfer:
  push cx
  call floppy_prepare
  pop cx
  jc .ret
  xor eax, eax
  mov ax, es
  shl eax, 4
  movzx edi, di
  add edi, eax
  mov ax, [RQ_LBA]
.track:
  ; AX first sector, CX sectors to go, EDI address
  push ax
  push cx
  xor dx, dx
  div word [si+D_SPT]
  mov bx, [si+D_SPT]
  sub bx, dx
  cmp cx, bx
  jbe .within
  mov cx, bx
.within:
  inc dx
  mov [FD_SCRATCH], dl          ; sector
  xor dx, dx
  div word [si+D_HEADS]
  mov [FD_SCRATCH+1], dl        ; head
  mov [FD_SCRATCH+2], al        ; cylinder
  ; as many as fit before the next 64 KiB
  mov ebx, edi
  cmp byte [RQ_OP], OP_VERIFY
  je .bounce
  movzx eax, bx
  neg ax
  jz .all
  shr ax, 9
  jz .bounce
  cmp cx, ax
  jbe .all
  mov cx, ax
.all:
  call floppy_command
  jmp .done
.bounce:
  mov cx, 1
  mov ebx, EBDA_LINEAR+BUFFER
  cmp byte [RQ_OP], OP_WRITE
  jne .command
  push edi
  call .segment_of
  push si
  push ds
  mov ax, ds
  push es
  pop ds
  mov es, ax
  mov si, di
  mov di, BUFFER
  call .copy
  pop ds
  pop si
  pop edi
.command:
  push edi
  call floppy_command
  pop edi
  jc .done
  cmp byte [RQ_OP], OP_READ
  clc
  jne .done
  push edi
  push si
  call .segment_of
  mov si, BUFFER
  call .copy
  pop si
  pop edi
  clc
.done:
  mov bx, cx
  pop cx
  pop dx
  jc .ret
  mov ax, dx
  add ax, bx
  sub cx, bx
  movzx ebx, bx
  shl ebx, 9
  add edi, ebx
  test cx, cx
  jnz .track
  call floppy_motor_off_soon
  xor ah, ah
  ret
.ret:
  call floppy_motor_off_soon
  stc
  ret
.segment_of:
  mov eax, edi
  shr eax, 4
  mov es, ax
  and di, 15
  ret
.copy:
  push cx
  mov cx, 256
  rep movsw
  pop cx
  ret

floppy_motor_off_soon:
  push fs
  push BDA
  pop fs
  mov byte [fs:FD_MOTOR_TICKS], 37
  pop fs
  ret

; seek, then CX sectors from FD_SCRATCH's place to or from linear EBX; CF, AH. Keeps CX, EDI
floppy_command:
  push cx
  push edi
  mov al, 0x0f                  ; SEEK
  call floppy_out
  call floppy_unit
  call floppy_out
  mov al, [FD_SCRATCH+2]
  call floppy_out
  call floppy_wait
  jc .ret
  push cx
  call floppy_sense
  pop cx
  call floppy_dma
  mov al, 0xe6                  ; READ DATA: both sides, MFM, deleted ones skipped
  cmp byte [RQ_OP], OP_WRITE
  jne .command
  mov al, 0xc5                  ; WRITE DATA
.command:
  call floppy_out
  call floppy_unit
  mov ah, [FD_SCRATCH+1]
  shl ah, 2
  or al, ah
  call floppy_out
  mov al, [FD_SCRATCH+2]
  call floppy_out
  mov al, [FD_SCRATCH+1]
  call floppy_out
  mov al, [FD_SCRATCH]
  call floppy_out
  mov al, 2                     ; 512 bytes
  call floppy_out
  mov al, [si+D_SPT]
  call floppy_out
  mov al, 0x1b
  call floppy_out
  mov al, 0xff
  call floppy_out
  jc .refused
  call floppy_wait
  jc .ret
  call floppy_result
  jmp .ret
.refused:
  mov ah, 0x20
  stc
.ret:
  pop edi
  pop cx
  ret

; the seven bytes of the result; CF and AH by ST0 and ST1
floppy_result:
  mov cx, 7
  mov di, FD_SCRATCH+4
.byte:
  call floppy_in
  jc .failed
  mov [di], al
  inc di
  loop .byte
  test byte [FD_SCRATCH+4], 0xc0
  jz .ok
  mov al, [FD_SCRATCH+5]
  mov ah, 3                     ; write-protected
  test al, 2
  jnz .bad
  mov ah, 4                     ; not found
  test al, 4
  jnz .bad
  mov ah, 0x10                  ; CRC
  test al, 0x20
  jnz .bad
  mov ah, 8                     ; overrun
  test al, 0x10
  jnz .bad
.failed:
  mov ah, 0x20
.bad:
  stc
  ret
.ok:
  xor ah, ah
  ret

; channel 2: CX sectors at EBX, single mode
floppy_dma:
  mov al, 6
  out 0x0a, al
  out 0x0c, al
  mov al, 0x46
  cmp byte [RQ_OP], OP_WRITE
  jne .mode
  mov al, 0x4a
.mode:
  out 0x0b, al
  mov al, bl
  out 0x04, al
  mov al, bh
  out 0x04, al
  mov eax, ebx
  shr eax, 16
  out 0x81, al
  mov ax, cx
  shl ax, 9
  dec ax
  out 0x05, al
  mov al, ah
  out 0x05, al
  mov al, 2
  out 0x0a, al
  ret

; FORMAT TRACK: DH head, CH cylinder of the caller, a list of C, H, R, N at ES:BX
floppy_format:
  call floppy_prepare
  jc .ret
  mov al, 0x0f
  call floppy_out
  call floppy_unit
  call floppy_out
  mov al, [bp+F_CH]
  call floppy_out
  call floppy_wait
  jc .ret
  call floppy_sense
  ; the list by BUFFER
  mov cx, [si+D_SPT]
  push si
  push ds
  pop es
  mov di, BUFFER
  push ds
  mov ds, [bp+F_ES]
  mov si, [bp+F_BX]
  shl cx, 2
  rep movsb
  pop ds
  pop si
  mov ebx, EBDA_LINEAR+BUFFER
  mov byte [RQ_OP], OP_WRITE
  mov cx, 1
  call floppy_dma
  mov al, 0x4d
  call floppy_out
  call floppy_unit
  mov ah, [bp+F_DH]
  shl ah, 2
  or al, ah
  call floppy_out
  mov al, 2
  call floppy_out
  mov al, [si+D_SPT]
  call floppy_out
  mov al, 0x6c
  call floppy_out
  mov al, 0xf6
  call floppy_out
  call floppy_wait
  jc .ret
  call floppy_result
.ret:
  pushf
  call floppy_motor_off_soon
  popf
  ret

; AH = 6 and CF when another floppy may be in the drive
floppy_changed:
  call floppy_prepare
  jc .ret
  mov dx, 0x3f7
  in al, dx
  call floppy_motor_off_soon
  xor ah, ah
  test al, 0x80
  jz .ret
  mov ah, 6
  stc
.ret:
  ret
`;
