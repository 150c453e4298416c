/** INT 10h/10h: attribute controller and DAC; 11h: fonts; 12h: what can be chosen. [PS2] INT 10h. */
import { dispatch } from '../service.ts';

const onAl = (cases: Readonly<Record<number, string>>, otherwise: string): string =>
  dispatch(cases, otherwise).replaceAll('F_AH', 'F_AL');

export const palette = `
palette_service:
${onAl(
  {
    0: '.one',
    1: '.border',
    2: '.all',
    3: '.blink',
    7: '.read_one',
    8: '.read_border',
    9: '.read_all',
    16: '.dac',
    18: '.dac_block',
    19: '.paging',
    21: '.read_dac',
    23: '.read_dac_block',
    24: '.mask',
    25: '.read_mask',
    26: '.read_paging',
    27: '.greys',
  },
  '.ret',
)}
.ret:
  ret
.one:
  mov bl, [bp+F_BL]
  mov bh, [bp+F_BH]
.set:
  call attribute_reset
  mov al, bl
  out dx, al
  mov al, bh
  out dx, al
  jmp display_on
.border:
  mov bl, 0x11
  mov bh, [bp+F_BH]
  jmp .set
.all:
  mov es, [bp+F_ES]
  mov di, [bp+F_DX]
  mov bl, 0
.next:
  mov bh, [es:di]
  cmp bl, 16
  je .border_of_all
  call .set
  inc di
  inc bl
  jmp .next
.border_of_all:
  mov bl, 0x11
  jmp .set
.blink:
  mov bl, 0x10
  call .get
  and bh, 0xf7
  test byte [bp+F_BL], 1
  jz .set
  or bh, 8
  jmp .set
; BH = register BL of the attribute controller
.get:
  call attribute_reset
  mov al, bl
  out dx, al
  inc dx
  in al, dx
  mov bh, al
  jmp display_on
.read_one:
  mov bl, [bp+F_BL]
  call .get
  mov [bp+F_BH], bh
  ret
.read_border:
  mov bl, 0x11
  call .get
  mov [bp+F_BH], bh
  ret
.read_all:
  mov es, [bp+F_ES]
  mov di, [bp+F_DX]
  mov bl, 0
.read_next:
  cmp bl, 16
  jb .read_it
  mov bl, 0x11
.read_it:
  call .get
  mov [es:di], bh
  inc di
  inc bl
  cmp bl, 0x11
  jbe .read_next
  ret
.dac:
  mov dx, 0x3c8
  mov al, [bp+F_BL]
  out dx, al
  inc dx
  mov al, [bp+F_DH]
  out dx, al
  mov al, [bp+F_CH]
  out dx, al
  mov al, [bp+F_CL]
  out dx, al
  ret
.read_dac:
  mov dx, 0x3c7
  mov al, [bp+F_BL]
  out dx, al
  mov dx, 0x3c9
  in al, dx
  mov [bp+F_DH], al
  in al, dx
  mov [bp+F_CH], al
  in al, dx
  mov [bp+F_CL], al
  ret
.block:
  mov al, [bp+F_BL]
  out dx, al
  mov dx, 0x3c9
  mov cx, [bp+F_CX]
  imul cx, cx, 3
  ret
.dac_block:
  mov dx, 0x3c8
  call .block
  mov ds, [bp+F_ES]
  mov si, [bp+F_DX]
  rep outsb
  ret
.read_dac_block:
  mov dx, 0x3c7
  call .block
  mov es, [bp+F_ES]
  mov di, [bp+F_DX]
  rep insb
  ret
.paging:
  cmp byte [bp+F_BL], 0
  jne .page
  mov bl, 0x10
  call .get
  and bh, 0x7f
  mov al, [bp+F_BH]
  shl al, 7
  or bh, al
  jmp .set
.page:
  mov bl, 0x10
  call .get
  mov al, [bp+F_BH]
  test bh, 0x80
  jnz .select
  shl al, 2
.select:
  mov bl, 0x14
  mov bh, al
  jmp .set
.read_paging:
  mov bl, 0x10
  call .get
  mov cl, bh
  mov bl, 0x14
  call .get
  shr cl, 7
  mov [bp+F_BL], cl
  jnz .four
  shr bh, 2
.four:
  mov [bp+F_BH], bh
  ret
.mask:
  mov dx, 0x3c6
  mov al, [bp+F_BL]
  out dx, al
  ret
.read_mask:
  mov dx, 0x3c6
  in al, dx
  mov [bp+F_BL], al
  ret
; weights of 30, 59 and 11 in a hundred
.greys:
  mov bl, [bp+F_BL]
  mov cx, [bp+F_CX]
.grey:
  jcxz .grey_end
  mov dx, 0x3c7
  mov al, bl
  out dx, al
  mov dx, 0x3c9
  in al, dx
  mov ah, 77
  mul ah
  mov di, ax
  in al, dx
  mov ah, 151
  mul ah
  add di, ax
  in al, dx
  mov ah, 28
  mul ah
  add di, ax
  shr di, 8
  mov dx, 0x3c8
  mov al, bl
  out dx, al
  inc dx
  mov ax, di
  out dx, al
  out dx, al
  out dx, al
  inc bl
  dec cx
  jmp .grey
.grey_end:
  ret

; INT 10h/0Bh: border and background
set_border:
  cmp byte [bp+F_BH], 0
  jne int10_ret
  mov bl, 0x11
  mov bh, [bp+F_BL]
  and bh, 0x1f
  jmp palette_service.set

; --- fonts ---
font_service:
  mov al, [bp+F_AL]
  cmp al, 0x30
  je .information
  mov ah, al
  and al, 0x0f
  shr ah, 4
  cmp ah, 2
  je .graphics
  ja .ret
  ; 0xh loads, 1xh also sets the number of rows
  mov bl, [bp+F_BL]
  cmp al, 0
  je .user
  cmp al, 3
  je .select
  mov di, font_14
  mov bh, 14
  cmp al, 1
  je .rom
  mov di, font_8
  mov bh, 8
  cmp al, 2
  je .rom
  mov di, font_16
  mov bh, 16
  cmp al, 4
  jne .ret
.rom:
  push cs
  pop ds
  mov si, di
  mov cx, 256
  xor dx, dx
  jmp .load
.user:
  mov ds, [bp+F_ES]
  mov si, [bp+F_BP]
  mov cx, [bp+F_CX]
  mov dx, [bp+F_DX]
  mov bh, [bp+F_BH]
.load:
  call load_font
  cmp ah, 0
  je .ret
  push BDA
  pop ds
  jmp set_height
.select:
  mov dx, 0x3c4
  mov al, 3
  mov ah, bl
  out dx, ax
.ret:
  ret
; fonts of graphics modes: INT 43h, 1Fh
.graphics:
  push 0
  pop es
  mov bx, [bp+F_BP]
  mov dx, [bp+F_ES]
  cmp al, 0
  jne .not_upper
  mov [es:0x7c], bx
  mov [es:0x7e], dx
  ret
.not_upper:
  mov cx, [bp+F_CX]
  cmp al, 1
  je .set
  mov dx, cs
  mov bx, font_14
  mov cx, 14
  cmp al, 2
  je .set
  mov bx, font_8
  mov cx, 8
  cmp al, 3
  je .set
  mov bx, font_16
  mov cx, 16
.set:
  mov [es:0x10c], bx
  mov [es:0x10e], dx
  mov [V_HEIGHT], cx
  mov al, [bp+F_DL]
  movzx bx, byte [bp+F_BL]
  cmp bl, 3
  ja .ret
  test bl, bl
  jz .rows
  mov al, [cs:bx+.row_counts]
.rows:
  dec al
  mov [V_ROWS], al
  ret
.row_counts:
  db 0, 14, 25, 43
.information:
  mov ax, [V_HEIGHT]
  mov [bp+F_CX], ax
  mov al, [V_ROWS]
  mov [bp+F_DL], al
  push 0
  pop es
  mov bl, [bp+F_BH]
  mov di, 0x7c
  cmp bl, 1
  jb .pointer
  mov di, 0x10c
  je .pointer
  mov [bp+F_ES], cs
  mov di, font_14
  cmp bl, 2
  je .there
  mov di, font_8
  cmp bl, 3
  je .there
  mov di, font_8_upper
  cmp bl, 4
  je .there
  mov di, no_replacements
  cmp bl, 5
  je .there
  mov di, font_16
  cmp bl, 6
  je .there
  mov di, no_replacements
.there:
  mov [bp+F_BP], di
  ret
.pointer:
  mov ax, [es:di]
  mov [bp+F_BP], ax
  mov ax, [es:di+2]
  mov [bp+F_ES], ax
  ret
no_replacements:
  db 0, 0

; the font at CS:BX into block AL, of AH lines
load_rom_font:
  push ds
  push cs
  pop ds
  mov si, bx
  mov bl, al
  mov bh, ah
  mov cx, 256
  xor dx, dx
  call load_font
  pop ds
  ret
; CX glyphs of BH lines at DS:SI, from character DX of block BL on; keeps AX
load_font:
  pushad
  push es
  ; where the block is: 16-KiB steps, bit 2 half of one
  movzx di, bl
  and di, 3
  shl di, 14
  test bl, 4
  jz .block
  add di, 0x2000
.block:
  shl dx, 5
  add di, dx
  ; plane 2 alone, linear at A000h
  mov dx, 0x3c4
  mov ax, 0x0402
  out dx, ax
  mov ax, 0x0704
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0204
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0406
  out dx, ax
  push 0xa000
  pop es
.glyph:
  jcxz .done
  push cx
  push di
  movzx cx, bh
  rep movsb
  pop di
  pop cx
  add di, 32
  dec cx
  jmp .glyph
.done:
  mov dx, 0x3c4
  mov ax, 0x0302
  out dx, ax
  mov ax, 0x0304
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0004
  out dx, ax
  mov ax, 0x1005
  out dx, ax
  ; the window is where the mode has it: B800h, for mode 7 B000h
  push ds
  push BDA
  pop ds
  mov ax, 0x0e06
  test byte [V_CRTC], 0x40
  jnz .window
  mov ax, 0x0a06
.window:
  out dx, ax
  pop ds
  pop es
  popad
  ret

; cells of BH lines: as many rows as 400 (or 200, 350) lines have
set_height:
  movzx ax, bh
  mov [V_HEIGHT], ax
  mov al, 9
  mov dx, [V_CRTC]
  out dx, al
  inc dx
  in al, dx
  and al, 0xe0
  mov ah, bh
  dec ah
  or al, ah
  out dx, al
  ; displayed lines: register 12h, bits 1 and 6 of the overflow register
  dec dx
  mov al, 0x12
  out dx, al
  inc dx
  in al, dx
  mov cl, al
  dec dx
  mov al, 7
  out dx, al
  inc dx
  in al, dx
  mov ch, al
  shr ch, 1
  and ch, 1
  shr al, 5
  and al, 2
  or ch, al
  inc cx
  mov ax, cx
  div bh
  mov ah, al
  dec ah
  mov [V_ROWS], ah
  mul byte [V_COLUMNS]
  shl ax, 1
  add ax, 0xff
  xor al, al
  mov [V_PAGE_BYTES], ax
  ; the cursor at the bottom of its cell
  mov al, 0x0a
  mov ah, bh
  sub ah, 3
  call crtc_set
  mov al, 0x0b
  mov ah, bh
  sub ah, 2
  jmp crtc_set

; INT 10h/12h
select_service:
  mov al, [bp+F_BL]
  cmp al, 0x10
  je .ega
  cmp al, 0x30
  je .lines
  cmp al, 0x34
  je .cursor
  cmp al, 0x36
  je .refresh
  cmp al, 0x31
  jb .ret
  cmp al, 0x35
  ja .ret
.done:
  mov byte [bp+F_AL], 0x12
.ret:
  ret
.ega:
  mov word [bp+F_BX], 0x0003    ; colour, 256 KiB
  mov word [bp+F_CX], 0x0009
  ret
.lines:
  jmp .done
.cursor:
  mov al, [bp+F_AL]
  and al, 1
  and byte [V_CONTROL], 0xfe
  or [V_CONTROL], al
  jmp .done
.refresh:
  mov dx, 0x3c4
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  and al, 0xdf
  mov ah, [bp+F_AL]
  and ah, 1
  shl ah, 5
  or al, ah
  out dx, al
  jmp .done
`;
