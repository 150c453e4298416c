/**
 * INT 9, the keyboard's interrupt, and INT 16h, which gives keys out. Scan codes of set 1, layout US.
 * [PS2] "Keyboard", INT 09h and INT 16h.
 */
import type { Listing } from './listing.ts';
import { dispatch, service } from './service.ts';

/** Scan code from which the rows below count, and characters: plain and with shift. */
const LETTERS = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
] as const;

type Key = [plain: number, shift: number, control: number, alt: number];
const LAST_SCAN_CODE = 0x58;

/** What each key puts into the buffer: character low, scan code high; 0 for nothing. */
function keys(): Key[] {
  const table = Array.from({ length: LAST_SCAN_CODE + 1 }, (): Key => [0, 0, 0, 0]);
  for (const [first, plain, shift] of LETTERS) {
    [...plain].forEach((character, n) => {
      const scan = (first + n) << 8;
      const isLetter = /[a-z]/.test(character);
      const control = isLetter
        ? character.charCodeAt(0) & 0x1f
        : ({ '[': 0x1b, ']': 0x1d, '\\': 0x1c }[character] ?? 0);
      const digit = first === 0x02 ? (0x78 + n) << 8 : scan;
      table[first + n] = [
        scan | character.charCodeAt(0),
        scan | shift.charCodeAt(n),
        control === 0 ? 0 : scan | control,
        isLetter || first === 0x02 ? digit : 0,
      ];
    });
  }
  const set = (scan: number, ...key: Key): unknown => (table[scan] = key);
  set(0x03, 0x0332, 0x0340, 0x0300, 0x7900);
  set(0x07, 0x0736, 0x075e, 0x071e, 0x7d00);
  set(0x0c, 0x0c2d, 0x0c5f, 0x0c1f, 0x8200);
  set(0x01, 0x011b, 0x011b, 0x011b, 0x0100);
  set(0x0e, 0x0e08, 0x0e08, 0x0e7f, 0x0e00);
  set(0x0f, 0x0f09, 0x0f00, 0x9400, 0xa500);
  set(0x1c, 0x1c0d, 0x1c0d, 0x1c0a, 0x1c00);
  set(0x37, 0x372a, 0x372a, 0x9600, 0x3700);
  set(0x39, 0x3920, 0x3920, 0x3920, 0x3920);
  for (let n = 0; n < 10; n++) set(0x3b + n, (0x3b + n) << 8, (0x54 + n) << 8, (0x5e + n) << 8, (0x68 + n) << 8);
  set(0x57, 0x8500, 0x8700, 0x8900, 0x8b00);
  set(0x58, 0x8600, 0x8800, 0x8a00, 0x8c00);
  set(0x56, 0x565c, 0x567c, 0, 0);
  // the number pad: cursor keys; with num lock or shift the digits
  const pad = '789-456+1230.';
  const withControl = [0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93];
  [...pad].forEach((character, n) => {
    const scan = (0x47 + n) << 8;
    const digit = scan | character.charCodeAt(0);
    set(0x47 + n, '-+'.includes(character) ? digit : scan, digit, (withControl[n] ?? 0) << 8, 0);
  });
  return table;
}

/** The key table, for listings that end up beside `keyboard`. */
export function keyTable(p: Listing): void {
  p.bind('key_table');
  for (const key of keys()) p.u16(...key);
}

export const keyboard = `
${service('int09')}
int09_service:
  in al, KBC_DATA
  mov ah, 0x4f
  stc
  int 0x15
  jnc .end
  call key
.end:
  mov al, 0x20
  out PIC1, al
  ret

; scan code AL
key:
  mov bl, [KBD_MODE]
  cmp al, 0xe0
  jne .not_e0
  or byte [KBD_MODE], 2
  ret
.not_e0:
  cmp al, 0xe1
  jne .not_e1
  or byte [KBD_MODE], 1
  ret
.not_e1:
  test bl, 1
  jz .no_pause
  ; Pause is E1 1D 45 E1 9D C5
  and al, 0x7f
  cmp al, 0x45
  jne .ret
  and byte [KBD_MODE], ~1 & 0xff
  ret
.no_pause:
  and byte [KBD_MODE], ~2 & 0xff
  and bl, 2                     ; BL: an extended key
  mov ah, al
  and al, 0x7f
  cmp al, 0x2a
  je .left_shift
  cmp al, 0x36
  je .right_shift
  cmp al, 0x1d
  je .control
  cmp al, 0x38
  je .alt
  test ah, 0x80
  jnz .release
  cmp al, 0x3a
  je .caps
  cmp al, 0x45
  je .num
  cmp al, 0x46
  je .scroll
  cmp al, 0x53
  je .delete
  cmp al, ${LAST_SCAN_CODE}
  ja .ret
  jmp .make
.left_shift:
  mov cx, 2
  jmp .shift
.right_shift:
  mov cx, 1
.shift:
  test bl, bl
  jnz .ret                      ; the shifts around extended keys
  jmp .set
.control:
  mov cx, 4
  mov dh, 4
  mov dl, 1
  jmp .left_or_right
.alt:
  mov cx, 8
  mov dh, 8
  mov dl, 2
.left_or_right:
  test bl, bl
  jz .left
  test ah, 0x80
  jnz .right_up
  or [KBD_MODE], dh
  or [KBD_SHIFT], cl
  ret
.right_up:
  not dh
  and [KBD_MODE], dh
  jmp .maybe_up
.left:
  test ah, 0x80
  jnz .left_up
  or [KBD_SHIFT2], dl
  or [KBD_SHIFT], cl
  ret
.left_up:
  not dl
  and [KBD_SHIFT2], dl
.maybe_up:
  ; the flag goes when neither is down; Alt with digits ends here
  mov al, [KBD_SHIFT2]
  and al, 3
  mov ah, [KBD_MODE]
  shr ah, 2
  and ah, 3
  or al, ah
  shl al, 2
  not al
  and al, cl
  not al
  and [KBD_SHIFT], al
  cmp cl, 8
  jne .ret
  xor ax, ax
  xchg al, [KBD_ALT_INPUT]
  test al, al
  jz .ret
  jmp put_key
.set:
  test ah, 0x80
  jnz .clear
  or [KBD_SHIFT], cl
  ret
.clear:
  not cl
  and [KBD_SHIFT], cl
.ret:
  ret
.release:
  cmp al, 0x3a
  mov cl, 0x40
  je .clear2
  cmp al, 0x45
  mov cl, 0x20
  je .clear2
  cmp al, 0x46
  mov cl, 0x10
  je .clear2
  cmp al, 0x52
  mov cl, 0x80
  jne .ret
.clear2:
  not cl
  and [KBD_SHIFT2], cl
  ret
.caps:
  mov cl, 0x40
  jmp .toggle
.num:
  mov cl, 0x20
  jmp .toggle
.scroll:
  mov cl, 0x10
  test bl, bl
  jnz .break
.toggle:
  test [KBD_SHIFT2], cl
  jnz .ret                      ; repeats
  or [KBD_SHIFT2], cl
  xor [KBD_SHIFT], cl
  ret
.break:
  mov byte [BREAK_FLAG], 0x80
  mov ax, [KBD_START]
  mov [KBD_HEAD], ax
  mov [KBD_TAIL], ax
  int 0x1b
  xor ax, ax
  jmp put_key
.delete:
  mov ah, [KBD_SHIFT]
  and ah, 0x0c
  cmp ah, 0x0c
  jne .make
  mov word [WARM_BOOT], 0x1234
  jmp reset_machine
.make:
  ; AL scan code, BL extended
  cmp al, 0x52
  jne .not_insert
  test byte [KBD_SHIFT], 0x0f
  jnz .not_insert
  test byte [KBD_SHIFT2], 0x80
  jnz .not_insert
  or byte [KBD_SHIFT2], 0x80
  xor byte [KBD_SHIFT], 0x80
.not_insert:
  movzx si, al
  shl si, 3
  mov cl, [KBD_SHIFT]
  test cl, 8
  jnz .with_alt
  test cl, 4
  jnz .with_control
  xor dx, dx                    ; DX: 2 for the second column
  test cl, 3
  jz .no_shift
  mov dx, 2
.no_shift:
  cmp al, 0x47
  jb .not_pad
  cmp al, 0x53
  ja .not_pad
  test bl, bl
  jnz .cursor
  test cl, 0x20
  jz .column
  xor dx, 2
  jmp .column
.not_pad:
  test cl, 0x40
  jz .column
  mov bh, [cs:si+key_table]
  cmp bh, 'a'
  jb .column
  cmp bh, 'z'
  ja .column
  xor dx, 2
.column:
  add si, dx
  mov ax, [cs:si+key_table]
  test bl, bl
  jz .put
  ; the other Enter and slash
  mov ah, 0xe0
  jmp .put
.cursor:
  mov ah, al
  mov al, 0xe0
  jmp .put
.with_control:
  mov ax, [cs:si+key_table+4]
  test bl, bl
  jz .put
  cmp ah, 0x72
  jb .put
  mov al, 0xe0
  jmp .put
.with_alt:
  test bl, bl
  jnz .alt_extended
  cmp al, 0x47
  jb .alt_column
  cmp al, 0x53
  jae .alt_column
  ; digits of the pad make a character
  mov al, [cs:si+key_table+2]
  sub al, '0'
  cmp al, 9
  ja .ret2
  mov cl, al
  mov al, [KBD_ALT_INPUT]
  mov ch, 10
  mul ch
  add al, cl
  mov [KBD_ALT_INPUT], al
.ret2:
  ret
.alt_extended:
  mov ah, al
  add ah, 0x50
  xor al, al
  jmp .put
.alt_column:
  mov ax, [cs:si+key_table+6]
.put:
  test ax, ax
  jz .ret2

; AX to the buffer, unless it is full; DS = 40h
put_key:
  push bx
  push di
  mov bx, [KBD_TAIL]
  mov di, bx
  inc bx
  inc bx
  cmp bx, [KBD_END]
  jb .no_wrap
  mov bx, [KBD_START]
.no_wrap:
  cmp bx, [KBD_HEAD]
  stc
  je .full
  mov [di], ax
  mov [KBD_TAIL], bx
  clc
.full:
  pop di
  pop bx
  ret

${service('int16')}
int16_service:
${dispatch(
  {
    0: '.read',
    1: '.peek',
    2: '.flags',
    3: '.ret',
    5: '.put',
    9: '.functions',
    16: '.read_extended',
    17: '.peek_extended',
    18: '.flags_extended',
    146: '.has_10h',
  },
  '.ret',
)}
.ret:
  ret
.has_10h:
  mov byte [bp+F_AH], 0x80
  ret
.functions:
  mov byte [bp+F_AL], 0x20
  ret
.flags_extended:
  mov al, [KBD_SHIFT2]
  and al, 0x73
  mov ah, [KBD_MODE]
  and ah, 0x0c
  or al, ah
  mov [bp+F_AH], al
.flags:
  mov al, [KBD_SHIFT]
  mov [bp+F_AL], al
  ret
.put:
  mov ax, [bp+F_CX]
  cli
  call put_key
  setc al
  mov [bp+F_AL], al
  ret
.read:
  call wait_key
  call old_key
  jc .read
  mov [bp+F_AX], ax
  ret
.read_extended:
  call wait_key
  mov [bp+F_AX], ax
  ret
.peek:
  call look_key
  jz .none
  call old_key
  jnc .there
  call take_key
  jmp .peek
.peek_extended:
  call look_key
  jz .none
.there:
  mov [bp+F_AX], ax
  and byte [bp+F_FLAGS], ~ZF & 0xff
  or byte [bp+F_FLAGS+1], 2
  ret
.none:
  or byte [bp+F_FLAGS], ZF
  or byte [bp+F_FLAGS+1], 2
  sti
  nop
  ret

; AX = the next key, taken
wait_key:
  cli
  mov bx, [KBD_HEAD]
  cmp bx, [KBD_TAIL]
  jne take_key
  sti
  hlt
  jmp wait_key
take_key:
  mov bx, [KBD_HEAD]
  mov ax, [bx]
  inc bx
  inc bx
  cmp bx, [KBD_END]
  jb .no_wrap
  mov bx, [KBD_START]
.no_wrap:
  mov [KBD_HEAD], bx
  sti
  ret
; ZF, or AX = the next key, left there
look_key:
  cli
  mov bx, [KBD_HEAD]
  mov ax, [bx]
  cmp bx, [KBD_TAIL]
  sti
  ret
; AX as functions 0 and 1 tell it; CF when they do not know the key
old_key:
  cmp ah, 0xe0
  jne .not_pad
  mov ah, 0x1c
  cmp al, '/'
  jne .known
  mov ah, 0x35
.known:
  clc
  ret
.not_pad:
  cmp ah, 0x84
  ja .unknown
  cmp al, 0xe0
  jne .known
  test ah, ah
  jz .known
  xor al, al
  ret
.unknown:
  stc
  ret
`;
