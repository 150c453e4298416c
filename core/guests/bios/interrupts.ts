/**
 * The vector table, the two 8259A, the timer tick, and the interrupts that do little.
 * [8259A] and [8254] data sheets; [PS2] "Interrupts" and BIOS data area.
 */
import type { Listing } from './listing.ts';
import { service } from './service.ts';

/** What each vector leads to; the others to `ignore`. */
const VECTORS: Readonly<Record<number, string>> = {
  5: 'int05',
  8: 'int08',
  9: 'int09',
  10: 'ignore_pic1',
  11: 'ignore_pic1',
  12: 'ignore_pic1',
  13: 'ignore_pic1',
  14: 'int0e',
  15: 'ignore_pic1',
  16: 'ignore',
  17: 'int11',
  18: 'int12',
  19: 'int13',
  20: 'int14',
  21: 'int15',
  22: 'int16',
  23: 'int17',
  24: 'int18',
  25: 'int19',
  26: 'int1a',
  30: 'diskette_table',
  64: 'int13',
  112: 'int70',
  113: 'int71',
  114: 'ignore_pic2',
  115: 'ignore_pic2',
  116: 'ignore_pic2',
  117: 'int75',
  118: 'ignore_pic2',
  119: 'ignore_pic2',
};
/** Vectors that are pointers or free for users: zero. */
const EMPTY = new Set([0x1d, 0x1f, 0x41, 0x46, ...Array.from({ length: 8 }, (_, n) => 0x60 + n)]);
const TICKS_A_DAY = 0x1800b0;

/** The offsets of all vectors below 78h, in the runtime segment. */
export function vectorTable(p: Listing): void {
  p.bind('vector_table');
  for (let vector = 0; vector < 0x78; vector++) {
    p.u16(EMPTY.has(vector) ? 0 : p.label(VECTORS[vector] ?? 'ignore'));
  }
}

export const interrupts = `
; fills the vector table; all registers free
set_vectors:
  xor ax, ax
  mov es, ax
  mov di, ax
  mov si, vector_table
  mov cx, 0x78
.next:
  cs lodsw
  stosw
  test ax, ax
  mov ax, cs
  jnz .there
  xor ax, ax
.there:
  stosw
  loop .next
  xor eax, eax
  mov cx, 0x88
  rep stosd
  ret

; IRQ 0 to 7 at 08h, IRQ 8 to 15 at 70h; open: timer, keyboard, cascade, floppy
start_pics:
  mov al, 0x11
  out PIC1, al
  out PIC2, al
  mov al, 0x08
  out PIC1+1, al
  mov al, 0x70
  out PIC2+1, al
  mov al, 4
  out PIC1+1, al
  mov al, 2
  out PIC2+1, al
  mov al, 1
  out PIC1+1, al
  out PIC2+1, al
  mov al, 0xb8
  out PIC1+1, al
  mov al, 0xff
  out PIC2+1, al
  ; counter 0: square wave, 18.2 Hz; counter 1: refresh, as software expects it to run
  mov al, 0x36
  out PIT_MODE, al
  xor al, al
  out PIT0, al
  out PIT0, al
  mov al, 0x54
  out PIT_MODE, al
  mov al, 18
  out PIT0+1, al
  ret

ignore_pic2:
  push ax
  mov al, 0x20
  out PIC2, al
  jmp eoi1
ignore_pic1:
  push ax
eoi1:
  mov al, 0x20
  out PIC1, al
  pop ax
ignore:
  iret
; the floppy's: INT 13h waits for bit 7
int0e:
  push ax
  push ds
  mov ax, BDA
  mov ds, ax
  or byte [FD_RECALIBRATED], 0x80
  pop ds
  jmp eoi1
; IRQ 9 goes on as IRQ 2 did on a PC
int71:
  push ax
  mov al, 0x20
  out PIC2, al
  pop ax
  int 0x0a
  iret
; coprocessor error
int75:
  push ax
  xor al, al
  out 0xf0, al
  mov al, 0x20
  out PIC2, al
  out PIC1, al
  pop ax
  int 0x02
  iret

; the timer
int08:
  push ds
  push eax
  mov ax, BDA
  mov ds, ax
  mov eax, [TICKS]
  inc eax
  cmp eax, ${TICKS_A_DAY}
  jb .same_day
  xor eax, eax
  inc byte [MIDNIGHT]
.same_day:
  mov [TICKS], eax
  cmp byte [FD_MOTOR_TICKS], 0
  je .no_motor
  dec byte [FD_MOTOR_TICKS]
  jnz .no_motor
  push dx
  mov dx, 0x3f2
  mov al, 0x0c
  out dx, al
  and byte [FD_MOTOR], 0xf0
  pop dx
.no_motor:
  int 0x1c
  cli
  mov al, 0x20
  out PIC1, al
  pop eax
  pop ds
  iret

; the real-time clock: INT 15h/83h and 86h count its 1024 interrupts a second
int70:
  push ds
  pushad
  mov ax, BDA
  mov ds, ax
  mov al, 0x0c
  call cmos_read
  test al, 0x40
  jz .alarm
  cmp byte [WAIT_ACTIVE], 0
  je .alarm
  sub dword [WAIT_COUNT], 976
  jae .alarm
  push es
  les bx, [WAIT_POINTER]
  or byte [es:bx], 0x80
  pop es
  mov byte [WAIT_ACTIVE], 0
  call stop_periodic
.alarm:
  test al, 0x20
  jz .end
  int 0x4a
.end:
  mov al, 0x20
  out PIC2, al
  out PIC1, al
  popad
  pop ds
  iret

; the clock's periodic interrupt off; AX kept
stop_periodic:
  push ax
  mov al, 0x0b
  call cmos_read
  and al, 0xbf
  mov ah, al
  mov al, 0x0b
  call cmos_write
  pop ax
  ret
; AL = CMOS byte AL; keeps AH
cmos_read:
  out CMOS_INDEX, al
  in al, CMOS_DATA
  ret
; AH to CMOS byte AL
cmos_write:
  out CMOS_INDEX, al
  mov al, ah
  out CMOS_DATA, al
  ret

int05:
  iret
int11:
  push ds
  mov ax, BDA
  mov ds, ax
  mov ax, [EQUIPMENT]
  pop ds
  iret
int12:
  push ds
  mov ax, BDA
  mov ds, ax
  mov ax, [BASE_KIB]
  pop ds
  iret

${service('int14')}
; serial ports, [PS2] INT 14h: set up, write, read, status
int14_service:
  mov bx, [bp+F_DX]
  cmp bx, 4
  jae .ret
  mov cl, [bx+COM_TIMEOUT]
  shl bx, 1
  mov dx, [bx+COM_PORTS]
  test dx, dx
  jz .ret
  mov ah, [bp+F_AH]
  mov al, [bp+F_AL]
  cmp ah, 1
  jb .set_up
  je .write
  cmp ah, 3
  jb .read
  je .status
.ret:
  ret
.set_up:
  mov bl, al
  add dx, 3
  mov al, 0x80
  out dx, al
  sub dx, 3
  movzx si, bl
  shr si, 5
  shl si, 1
  mov ax, [cs:si+baud_divisors]
  out dx, al
  inc dx
  mov al, ah
  out dx, al
  add dx, 2
  mov al, bl
  and al, 0x1f
  out dx, al
  sub dx, 2
  xor al, al
  out dx, al
  dec dx
  jmp .status
.write:
  push ax
  mov ax, 0x2003
  call .wait
  pop ax
  jc .late
  out dx, al
  jmp .status
.read:
  mov ax, 0x0101
  call .wait
  jc .late
  in al, dx
  mov [bp+F_AL], al
  add dx, 5
  in al, dx
  and al, 0x1e
  mov [bp+F_AH], al
  ret
.late:
  add dx, 5
  in al, dx
  or al, 0x80
  mov [bp+F_AH], al
  ret
.status:
  add dx, 5
  in al, dx
  mov [bp+F_AH], al
  inc dx
  in al, dx
  mov [bp+F_AL], al
  ret
; modem control AL, then until line status has AH; CL seconds
.wait:
  push dx
  push ax
  add dx, 4
  out dx, al
  pop ax
  inc dx
  movzx si, cl
  imul si, si, 18
  add si, 2
  mov di, [TICKS]
  sti
.again:
  in al, dx
  test al, ah
  jnz .ready
  mov bx, [TICKS]
  sub bx, di
  cmp bx, si
  jb .again
  stc
.ready:
  pop dx
  ret
baud_divisors:
  dw 1047, 768, 384, 192, 96, 48, 24, 12

${service('int17')}
; printers, [PS2] INT 17h
int17_service:
  mov bx, [bp+F_DX]
  cmp bx, 3
  jae .none
  shl bx, 1
  mov dx, [bx+LPT_PORTS]
  test dx, dx
  jz .none
  mov ah, [bp+F_AH]
  cmp ah, 1
  ja .status
  jb .write
  add dx, 2
  mov al, 8
  out dx, al
  in al, 0x80
  mov al, 12
  out dx, al
  sub dx, 2
  jmp .status
.write:
  mov al, [bp+F_AL]
  out dx, al
  add dx, 2
  mov al, 13
  out dx, al
  mov al, 12
  out dx, al
  sub dx, 2
.status:
  inc dx
  in al, dx
  xor al, 0x48
  and al, 0xf8
  mov [bp+F_AH], al
  ret
.none:
  mov byte [bp+F_AH], 1
  ret
`;
