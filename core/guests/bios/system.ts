/**
 * INT 15h: memory map and size, block move, A20, waits, configuration. [PS2] INT 15h, [ACPI] 15.1 (E820h).
 * Not here: APM (5300h says so), PS/2 mouse (C2h), joystick.
 */
import { dispatch, service } from './service.ts';

export const system = `
${service('int15')}
int15_service:
  mov ax, [bp+F_AX]
${dispatch(
  {
    36: '.a20',
    65: '.unsupported',
    79: '.ret',
    131: '.event_wait',
    134: '.wait',
    135: '.move',
    136: '.extended_size',
    137: '.unsupported',
    144: '.ok',
    145: '.ok',
    192: '.configuration',
    193: '.ebda',
    232: '.memory',
  },
  '.unsupported',
)}
.ret:
  ret
.unsupported:
  mov byte [bp+F_AH], 0x86
.fail:
  or byte [bp+F_FLAGS], CF
  ret
.success:
  mov byte [bp+F_AH], 0
.ok:
  and byte [bp+F_FLAGS], ~CF & 0xff
  ret

.a20:
  cmp al, 1
  jb .a20_off
  je .a20_on
  cmp al, 3
  jb .a20_state
  ja .unsupported
  mov word [bp+F_BX], 3         ; by the keyboard controller and by port 92h
  jmp .success
.a20_off:
  in al, PORT_92
  and al, 0xfc
  out PORT_92, al
  jmp .success
.a20_on:
  in al, PORT_92
  or al, 2
  and al, 0xfe
  out PORT_92, al
  jmp .success
.a20_state:
  in al, PORT_92
  shr al, 1
  and al, 1
  mov [bp+F_AL], al
  jmp .success

.extended_size:
  ; KiB above 1 MiB, at most 63 MiB for old callers
  call ram_above_1m
  cmp eax, 0xfc00
  jbe .fits
  mov ax, 0xfc00
.fits:
  mov [bp+F_AX], ax
  jmp .ok

.ebda:
  mov ax, [EBDA_POINTER]
  mov [bp+F_ES], ax
  jmp .ok

.configuration:
  mov [bp+F_ES], cs
  mov word [bp+F_BX], configuration_table
  jmp .success

.memory:
  cmp al, 0x20
  je .map
  cmp al, 0x01
  je .sizes
  cmp al, 0x81
  je .sizes
  jmp .unsupported
; E801h: KiB from 1 to 16 MiB, 64-KiB blocks above; in AX, BX and CX, DX
.sizes:
  call ram_above_1m
  mov ecx, eax
  cmp ecx, 0x3c00
  jbe .small
  mov ecx, 0x3c00
.small:
  sub eax, ecx
  shr eax, 6
  mov [bp+F_CX], cx
  mov [bp+F_AX], cx
  mov [bp+F_DX], ax
  mov [bp+F_BX], ax
  jmp .ok
.map:
  cmp dword [bp+F_DX], 0x534d4150
  jne .unsupported
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov ebx, [bp+F_BX]
  movzx eax, byte [E820_COUNT]
  cmp ebx, eax
  jae .unsupported
  imul si, bx, 20
  add si, E820
  inc ebx
  cmp ebx, eax
  jb .more
  xor ebx, ebx
.more:
  mov ecx, [bp+F_CX]
  cmp ecx, 20
  jb .unsupported
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov cx, 10
  rep movsw
  mov [bp+F_BX], ebx
  mov dword [bp+F_CX], 20
  mov dword [bp+F_AX], 0x534d4150
  jmp .ok

; CX:DX microseconds, counted by the timer's counter 0
.wait:
  cmp byte [WAIT_ACTIVE], 0
  mov byte [bp+F_AH], 0x83
  jne .fail
  mov eax, [bp+F_CX]
  shl eax, 16
  mov ax, [bp+F_DX]
  call delay
  jmp .success
; AL 0: sets bit 7 of ES:BX after CX:DX microseconds; 1: not any more
.event_wait:
  cmp al, 1
  je .cancel
  ja .unsupported
  cmp byte [WAIT_ACTIVE], 0
  mov byte [bp+F_AH], 0x83
  jne .fail
  mov byte [WAIT_ACTIVE], 1
  mov ax, [bp+F_BX]
  mov [WAIT_POINTER], ax
  mov ax, [bp+F_ES]
  mov [WAIT_POINTER+2], ax
  mov ax, [bp+F_DX]
  mov [WAIT_COUNT], ax
  mov ax, [bp+F_CX]
  mov [WAIT_COUNT+2], ax
  mov al, 0x0b
  call cmos_read
  or al, 0x40
  mov ah, al
  mov al, 0x0b
  call cmos_write
  in al, PIC2+1
  and al, 0xfe
  out PIC2+1, al
  in al, PIC1+1
  and al, 0xfb
  out PIC1+1, al
  jmp .success
.cancel:
  call stop_periodic
  mov byte [WAIT_ACTIVE], 0
  jmp .success

; CX words from one linear address to another: descriptors at ES:SI as [PS2] has them, sources at 10h, target at 18h.
; Needs the processor in real mode; who keeps a program in virtual-8086 mode answers this call himself.
.move:
  smsw ax
  test al, 1
  mov byte [bp+F_AH], 3
  jnz .fail
  mov es, [bp+F_ES]
  mov si, [bp+F_SI]
  xor eax, eax
  mov ax, es
  shl eax, 4
  movzx ecx, si
  add eax, ecx
  mov [es:si+0x0a], eax         ; the second descriptor is the table's own
  mov word [es:si+8], 0x2f
  mov word [es:si+0x20], 0xffff ; CS: this segment
  mov dword [es:si+0x22], 0x9b0f0000
  mov word [es:si+0x26], 0
  mov word [es:si+0x28], 0xffff ; SS: where it is
  xor eax, eax
  mov ax, ss
  shl eax, 4
  mov [es:si+0x2a], eax
  mov word [es:si+0x2d], 0x93
  mov al, [es:si+0x15]          ; source: readable data
  mov byte [es:si+0x15], 0x93
  mov byte [es:si+0x1d], 0x93
  mov cx, [bp+F_CX]
  cli
  in al, PORT_92
  push ax
  or al, 2
  and al, 0xfe
  out PORT_92, al
  push ss
  push ds
  o32 lgdt [es:si+8]
  o32 lidt [cs:real_idt]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  db 0xea
  dw .protected, 0x20
.protected:
  mov ax, 0x28
  mov ss, ax
  mov ax, 0x10
  mov ds, ax
  mov ax, 0x18
  mov es, ax
  xor si, si
  xor di, di
  rep movsw
  mov ax, 0x28                  ; limits of 64 KiB again
  mov ds, ax
  mov es, ax
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  db 0xea
  dw .real, 0xf000
.real:
  pop ds
  pop ax
  mov ss, ax
  pop ax
  out PORT_92, al
  jmp .success

; EAX = KiB of RAM from 1 MiB on, below 4 GiB
ram_above_1m:
  push ds
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov eax, [LOW_RAM]
  pop ds
  shr eax, 10
  sub eax, 1024
  jae .ret
  xor eax, eax
.ret:
  ret

; waits for EAX microseconds: 1193182 steps of counter 0 a second, two a step in its mode 3
delay:
  pushad
  mov ecx, 78196                ; 65536 * 1.193182
  mul ecx
  shrd eax, edx, 16
  inc eax
  mov esi, eax
  call .count
  mov bx, ax
.again:
  db 0xf3, 0x90                 ; PAUSE
  call .count
  mov cx, bx
  sub cx, ax
  mov bx, ax
  shr cx, 1
  movzx ecx, cx
  sub esi, ecx
  ja .again
  popad
  ret
.count:
  pushf
  cli
  xor al, al
  out PIT_MODE, al
  in al, PIT0
  mov ah, al
  in al, PIT0
  xchg al, ah
  popf
  ret

; segment limit 3FFh at 0
real_idt:
  dw 0x3ff, 0, 0

configuration_table:
  dw 8
  db 0xfc, 0, 1                 ; AT, revision
  db 0x74                       ; second 8259A, clock, INT 15h/4Fh, EBDA
  db 0x40, 0, 0, 0              ; INT 16h/09h
`;
