/**
 * How an interrupt enters and leaves a service: all registers are saved in one frame at BP, the handler changes the frame.
 * A service keeps to real-mode means, so it runs in virtual-8086 mode too.
 */

/** `name` for the vector; calls `name_service` with the frame on the caller's stack, DS = segment 40h. */
export const service = (name: string): string => `
${name}:
  push ds
  push es
  push fs
  pushad
  cld
  mov bp, sp
  mov ax, BDA
  mov ds, ax
  call ${name}_service
  popad
  pop fs
  pop es
  pop ds
  iret
`;

/**
 * The same for a service that needs more stack than a caller may have: a stack of our own in the EBDA, the frame copied
 * there and back. When that stack is in use (a handler of the timer calls the service) the caller's has to do.
 */
export const serviceOnOwnStack = (name: string): string => `
${name}:
  push ds
  push es
  push fs
  pushad
  cld
  mov bp, sp
  mov ax, EBDA_SEGMENT
  mov ds, ax
  bts word [STACK_BUSY], 0
  jc .nested
  mov cx, ss
  mov ss, ax
  mov sp, STACK_TOP
  push cx
  push bp
  sub sp, FRAME_BYTES
  mov si, bp
  mov di, sp
  mov es, ax
  mov ds, cx
  mov cx, FRAME_BYTES / 2
  rep movsw
  mov bp, sp
  mov ds, ax
  call ${name}_service
  cli
  cld
  mov si, bp
  les di, [bp+FRAME_BYTES]
  mov ax, ss
  mov ds, ax
  mov cx, FRAME_BYTES / 2
  rep movsw
  mov cx, es
  mov dx, [bp+FRAME_BYTES]
  mov byte [STACK_BUSY], 0
  mov ss, cx
  mov sp, dx
  jmp .done
.nested:
  call ${name}_service
.done:
  popad
  pop fs
  pop es
  pop ds
  iret
`;

/** Jumps by a table of numbers and places: AH of the caller, and where to otherwise. */
export const dispatch = (cases: Readonly<Record<number, string>>, otherwise: string): string =>
  [
    ...Object.entries(cases).flatMap(([number, place]) => [`  cmp byte [bp+F_AH], ${number}`, `  je ${place}`]),
    `  jmp ${otherwise}`,
  ].join('\n');
