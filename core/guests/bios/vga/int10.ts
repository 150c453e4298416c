/** INT 10h: modes, cursor, pages. [PS2] INT 10h. DS = 40h in all routines. */
import { dispatch, service } from '../service.ts';

export const int10 = `
; option ROM, [PFA]: signature, blocks of 512 bytes, entry
  db 0x55, 0xaa, ROM_BLOCKS
  jmp vga_init
  zero 18
  dw 0                          ; no PCI data structure: this image came with the board
  align 2
text_oem:
  db 'Vivarium VGA BIOS', 0

; AX = the card's bus, device and function
vga_init:
  push ds
  push es
  pushad
  mov [cs:card], ax
  xor ax, ax
  mov es, ax
  mov word [es:0x40], int10
  mov [es:0x42], cs
  mov word [es:0x10c], font_16
  mov [es:0x10e], cs
  mov word [es:0x7c], font_8_upper
  mov [es:0x7e], cs
  popad
  pop es
  pop ds
  retf
card:
  dw 0xffff

${service('int10')}
int10_service:
${dispatch(
  {
    14: 'teletype',
    0: 'set_mode',
    1: 'cursor_shape',
    2: 'set_cursor',
    3: 'get_cursor',
    5: 'set_page',
    6: 'scroll_up',
    7: 'scroll_down',
    8: 'read_cell',
    9: 'write_cells',
    10: 'write_cells',
    11: 'set_border',
    12: 'write_pixel',
    13: 'read_pixel',
    15: 'get_mode',
    16: 'palette_service',
    17: 'font_service',
    18: 'select_service',
    19: 'write_string',
    26: 'display_code',
    27: 'functionality',
    79: 'vbe',
  },
  'int10_ret',
)}
int10_ret:
  ret

; SI = the record of the mode in use, or of mode 3 when VBE has set another
mode_record:
  mov al, [V_MODE]
; SI = the record of mode AL; CF when there is none
find_mode:
  mov si, mode_table
.next:
  cmp [cs:si+M_NUMBER], al
  je .found
  add si, M_BYTES
  cmp byte [cs:si+M_NUMBER], 0xff
  jne .next
  lea si, [mode_table+3*M_BYTES]
  stc
.found:
  ret

; DX = port of the CRTC; register AL = AH
crtc_set:
  mov dx, [V_CRTC]
  out dx, ax
  ret

set_mode:
  mov al, [bp+F_AL]
  mov bl, al
  and al, 0x7f
  call find_mode
  jc int10_ret
  call dispi_off
  mov byte [bp+F_AL], 0x30
  cmp al, 7
  jbe .text
  mov byte [bp+F_AL], 0x20
.text:
  ; BIOS data area
  mov [V_MODE], al
  mov byte [V_CONTROL], 0x60
  and bl, 0x80
  or [V_CONTROL], bl
  movzx ax, byte [cs:si+M_COLUMNS]
  mov [V_COLUMNS], ax
  mov al, [cs:si+M_ROWS]
  mov [V_ROWS], al
  mov al, [cs:si+M_HEIGHT]
  mov [V_HEIGHT], ax
  mov ax, [cs:si+M_PAGE]
  mov [V_PAGE_BYTES], ax
  mov word [V_CRTC], 0x3d4
  test byte [cs:si+M_MISC], 1
  jnz .colour
  mov word [V_CRTC], 0x3b4
.colour:
  mov word [V_SWITCHES], 0x51f9
  mov byte [V_DCC], 8
  xor eax, eax
  mov [V_PAGE_START], ax
  mov byte [V_PAGE], 0
  push ds
  pop es
  mov di, V_CURSORS
  mov cx, 8
  rep stosw
  mov word [V_CURSOR_SHAPE], 0x0607
  call set_registers
  call set_palette
  test byte [V_CONTROL], 0x80
  jnz .kept
  mov es, [cs:si+M_SEGMENT]
  xor di, di
  mov cx, 0x2000
  xor eax, eax
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .clear
  mov eax, 0x07200720
.clear:
  cmp byte [cs:si+M_KIND], KIND_TEXT
  je .fill
  mov cx, 0x4000
.fill:
  rep stosd
.kept:
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .graphics
  mov bx, font_16
  mov ax, 0x1000
  call load_rom_font
  jmp .end
.graphics:
  ; INT 43h: the font of graphics modes
  xor ax, ax
  mov es, ax
  mov ax, font_16
  cmp byte [cs:si+M_HEIGHT], 14
  ja .font
  mov ax, font_14
  je .font
  mov ax, font_8
.font:
  mov [es:0x10c], ax
  mov [es:0x10e], cs
.end:
  jmp display_on

; the registers of record SI; the attribute controller is left off
set_registers:
  push si
  mov dx, 0x3c2
  mov al, [cs:si+M_MISC]
  out dx, al
  mov dx, 0x3c4
  mov ax, 0x0100                ; reset
  out dx, ax
  lea di, [si+M_SEQUENCER]
  mov ax, 0x0001
  mov cx, 4
  call .indexed
  mov ax, 0x0300
  out dx, ax
  mov dx, [V_CRTC]
  mov ax, 0x0011                ; registers 0 to 7 unlocked
  out dx, ax
  lea di, [si+M_CRTC]
  mov al, 0
  mov cx, 25
  call .indexed
  mov dx, 0x3ce
  lea di, [si+M_GRAPHICS]
  mov al, 0
  mov cx, 9
  call .indexed
  call attribute_reset
  lea di, [si+M_ATTRIBUTES]
  xor ah, ah
  mov cx, 20
.attribute:
  mov al, ah
  out dx, al
  mov al, [cs:di]
  out dx, al
  inc di
  inc ah
  loop .attribute
  mov al, 0x14
  out dx, al
  xor al, al
  out dx, al
  pop si
  ret
; CX values at DI to the registers from AL on, index at DX
.indexed:
  mov ah, [cs:di]
  out dx, ax
  inc di
  inc al
  loop .indexed
  ret

; the attribute controller expects an index; DX = its port
attribute_reset:
  mov dx, [V_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3c0
  ret
display_on:
  call attribute_reset
  mov al, 0x20
  out dx, al
  ret

; the DAC for record SI: 64 colours, or 256
set_palette:
  push si
  mov dx, 0x3c6
  mov al, 0xff
  out dx, al
  mov di, 64*3
  mov bx, palette_64
  cmp byte [cs:si+M_KIND], KIND_LINEAR
  jne .load
  mov di, 256*3
  mov bx, palette_256
.load:
  call load_palette
  pop si
  ret
; DI bytes at BX to the DAC
load_palette:
  mov dx, 0x3c8
  xor al, al
  out dx, al
  inc dx
  mov cx, di
  mov si, bx
  cs rep outsb
  ret

get_mode:
  mov al, [V_CONTROL]
  and al, 0x80
  or al, [V_MODE]
  mov [bp+F_AL], al
  mov al, [V_COLUMNS]
  mov [bp+F_AH], al
  mov al, [V_PAGE]
  mov [bp+F_BH], al
  ret

cursor_shape:
  mov cx, [bp+F_CX]
  mov [V_CURSOR_SHAPE], cx
  ; shapes are told for cells of eight lines
  mov al, [V_HEIGHT]
  test byte [V_CONTROL], 1
  jnz .set
  cmp al, 8
  jbe .set
  test ch, 0x20
  jnz .set
  cmp cl, 8
  jae .set
  cmp ch, 8
  jae .set
  mov ah, al
  sub ah, 2
  cmp cx, 0x0607
  jne .scale
  mov cl, ah
  mov ch, ah
  dec ch
  jmp .set
.scale:
  mul ch
  shr ax, 3
  mov ch, al
  mov al, [V_HEIGHT]
  inc cl
  mul cl
  shr ax, 3
  dec al
  mov cl, al
.set:
  mov al, 0x0a
  mov ah, ch
  call crtc_set
  mov al, 0x0b
  mov ah, cl
  jmp crtc_set

set_cursor:
  mov bh, [bp+F_BH]
  mov dx, [bp+F_DX]
; the cursor of page BH to row DH, column DL
move_cursor:
  and bh, 7
  movzx bx, bh
  push bx
  shl bx, 1
  mov [bx+V_CURSORS], dx
  pop bx
  cmp bl, [V_PAGE]
  jne int10_ret
show_cursor:
  movzx bx, byte [V_PAGE]
  shl bx, 1
  mov dx, [bx+V_CURSORS]
  mov al, [V_COLUMNS]
  mul dh
  xor dh, dh
  add ax, dx
  mov bx, [V_PAGE_START]
  shr bx, 1
  add bx, ax
  mov al, 0x0e
  mov ah, bh
  call crtc_set
  mov al, 0x0f
  mov ah, bl
  jmp crtc_set
get_cursor:
  mov bl, [bp+F_BH]
  and bx, 7
  shl bx, 1
  mov ax, [bx+V_CURSORS]
  mov [bp+F_DX], ax
  mov ax, [V_CURSOR_SHAPE]
  mov [bp+F_CX], ax
  ret

set_page:
  mov al, [bp+F_AL]
  and ax, 7
  mov [V_PAGE], al
  mul word [V_PAGE_BYTES]
  mov [V_PAGE_START], ax
  mov bx, ax
  call mode_record
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .start
  shr bx, 1
.start:
  mov al, 0x0c
  mov ah, bh
  call crtc_set
  mov al, 0x0d
  mov ah, bl
  call crtc_set
  jmp show_cursor

; BL 0: display combination is told in BX; 1 would set it
display_code:
  mov byte [bp+F_AL], 0x1a
  cmp byte [bp+F_AX], 1
  mov word [bp+F_BX], 8
  ret

; functionality and state to ES:DI
functionality:
  mov byte [bp+F_AL], 0x1b
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov ax, static_functionality
  stosw
  mov ax, cs
  stosw
  mov si, V_MODE
  mov cx, 30
  rep movsb
  mov si, V_ROWS
  mov cx, 3
  rep movsb
  mov ax, 8
  stosw
  mov ax, 256
  stosw
  mov al, 8
  stosb
  mov al, 2                     ; 400 lines
  stosb
  xor ax, ax
  mov cx, 21
  rep stosb
  ret
static_functionality:
  dd 0x000d608f
  zero 3
  db 7, 2, 8, 0xe7, 0x0c, 0, 0, 0, 0
`;
