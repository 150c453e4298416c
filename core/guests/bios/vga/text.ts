/**
 * Characters: cells written, read and scrolled, teletype, strings; in text modes and, drawn from a font, in graphics modes.
 * What a row of cells is made of, in every kind of mode: lines, and bytes of a cell in each.
 */
export const text = `
; by the mode in use: SI its record, ES its memory, CL bytes of a cell in a line, CH lines of a cell
cell_shape:
  push ax
  call mode_record
  mov es, [cs:si+M_SEGMENT]
  mov cx, 0x0102
  cmp byte [cs:si+M_KIND], KIND_TEXT
  je .ret
  mov ch, [V_HEIGHT]
  mov cl, 1
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  je .ret
  mov cl, 8
.ret:
  pop ax
  ret

; DI = the place of row DH, column DL on page BH, with the shape CX. AX changes
cell_place:
  push dx
  mov al, [V_COLUMNS]
  mul cl
  mov di, ax                    ; bytes of a line
  mov al, dh
  mul ch
  push dx
  mul di
  pop dx
  mov di, ax
  mov al, dl
  mul cl
  add di, ax
  movzx ax, bh
  mul word [V_PAGE_BYTES]
  add di, ax
  pop dx
  ret

; AL with colour BL to row DH, column DL of page BH; AH is not 0: the attribute stays. All registers kept
put_cell:
  pushad
  push es
  call cell_shape
  push ax
  call cell_place
  pop ax
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .draw
  stosb
  test ah, ah
  jnz .end
  mov [es:di], bl
.end:
  pop es
  popad
  ret
.draw:
  ; the glyph, of INT 43h
  push ds
  push 0
  pop ds
  lds dx, [0x10c]
  mov ah, 0
  push cx
  mov cl, ch
  xor ch, ch
  push dx
  mul cx
  pop dx
  pop cx
  add dx, ax
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  mov si, dx
  je .planar
.line:
  mov cl, 8
  lodsb
  mov ah, al
.pixel:
  shl ah, 1
  sbb al, al
  and al, bl
  stosb
  dec cl
  jnz .pixel
  add di, 312
  dec ch
  jnz .line
.drawn:
  pop ds
  jmp .end
.planar:
  ; set/reset makes the colours, the bit mask the shape; bit 7: exclusive or
  mov dx, 0x3ce
  mov ax, 0x0f01
  out dx, ax
  test bl, 0x80
  jz .planar_line
  mov ax, 0x1803
  out dx, ax
.planar_line:
  mov ah, bl
  and ah, 0x0f
  mov al, 0
  out dx, ax
  lodsb
  mov ah, al
  push ax
  mov al, 8
  out dx, ax
  mov al, [es:di]
  mov [es:di], al
  pop ax
  test bl, 0x80
  jnz .next
  not ah
  mov al, 8
  out dx, ax
  mov ax, 0
  out dx, ax
  mov al, [es:di]
  mov [es:di], al
.next:
  push bx
  push ds
  push BDA
  pop ds
  add di, [V_COLUMNS]
  pop ds
  pop bx
  dec ch
  jnz .planar_line
  call planar_defaults
  jmp .drawn
planar_defaults:
  mov dx, 0x3ce
  mov ax, 0x0001
  out dx, ax
  mov ax, 0x0003
  out dx, ax
  mov ax, 0xff08
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  ret

write_cells:
  call caller_page
  mov cx, [bp+F_CX]
  mov al, [bp+F_AL]
  mov ah, [bp+F_AH]
  sub ah, 9
  mov bl, [bp+F_BL]
  push ax
  call mode_record
  pop ax
  cmp byte [cs:si+M_KIND], KIND_TEXT
  je .next
  mov ah, 0
.next:
  jcxz .ret
  call put_cell
  inc dx
  cmp dl, [V_COLUMNS]
  jb .same_row
  mov dl, 0
  inc dh
  cmp dh, [V_ROWS]
  ja .ret
.same_row:
  dec cx
  jmp .next
.ret:
  ret
; BH = the caller's page, DX its cursor
caller_page:
  mov bh, [bp+F_BH]
  and bh, 7
page_cursor:
  push bx
  movzx bx, bh
  shl bx, 1
  mov dx, [bx+V_CURSORS]
  pop bx
  ret

read_cell:
  call caller_page
  call cell_shape
  call cell_place
  xor ax, ax
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .ret
  mov ax, [es:di]
.ret:
  mov [bp+F_AX], ax
  ret

teletype:
  mov bh, [V_PAGE]
  call page_cursor
  mov al, [bp+F_AL]
  mov bl, [bp+F_BL]
  mov ah, 1
  call type_char
  jmp move_cursor

; AL at DX of page BH, as a teletype; AH and BL as for put_cell; DX moves
type_char:
  cmp al, 13
  je .return
  ja .print
  cmp al, 10
  je .feed
  cmp al, 8
  je .back
  cmp al, 7
  je .ret
.print:
  call put_cell
  inc dx
  cmp dl, [V_COLUMNS]
  jb .ret
  mov dl, 0
.feed:
  cmp dh, [V_ROWS]
  jae .scroll
  inc dh
.ret:
  ret
.return:
  mov dl, 0
  ret
.back:
  test dl, dl
  jz .ret
  dec dx
  ret
.scroll:
  pushad
  ; the new line has the attribute of the last one
  call cell_shape
  mov al, 0
  cmp byte [cs:si+M_KIND], KIND_TEXT
  jne .fill
  push dx
  mov dl, 0
  call cell_place
  pop dx
  mov al, [es:di+1]
.fill:
  mov ah, al
  mov al, 1
  xor cx, cx
  mov dh, [V_ROWS]
  mov dl, [V_COLUMNS]
  dec dl
  call scroll_window_up
  popad
  ret

write_string:
  mov bh, [bp+F_BH]
  and bh, 7
  mov bl, [bp+F_BL]
  mov cx, [bp+F_CX]
  mov dx, [bp+F_DX]
  mov si, [bp+F_BP]
.next:
  jcxz .end
  mov es, [bp+F_ES]
  mov al, [es:si]
  inc si
  test byte [bp+F_AL], 2
  jz .colour
  mov bl, [es:si]
  inc si
.colour:
  mov ah, 0
  call type_char
  dec cx
  jmp .next
.end:
  test byte [bp+F_AL], 1
  jz .ret
  jmp move_cursor
.ret:
  ret

scroll_up:
  call .window
  jmp scroll_window_up
.window:
  mov al, [bp+F_AL]
  mov ah, [bp+F_BH]
  mov bh, [V_PAGE]
  mov cx, [bp+F_CX]
  mov dx, [bp+F_DX]
  cmp dh, [V_ROWS]
  jbe .rows
  mov dh, [V_ROWS]
.rows:
  cmp dl, [V_COLUMNS]
  jb .ret
  mov dl, [V_COLUMNS]
  dec dl
.ret:
  ret
scroll_down:
  call scroll_up.window
  mov bl, 1
  jmp scroll_window
; rows CH to DH, columns CL to DL of page BH by AL rows (0: all), filled with AH
scroll_window_up:
  mov bl, 0
; BL: 0 up, 1 down
scroll_window:
  cmp cl, dl
  ja .ret
  push bp
  mov bp, sp
  sub sp, 16
  ; [bp-2] columns; [bp-4] rows that move; [bp-6] from row; [bp-8] to row; [bp-10] step; [bp-12] fill, rows to fill
  mov [bp-11], ah
  mov ah, dh
  sub ah, ch
  jc .end
  inc ah                        ; rows of the window
  test al, al
  jz .all
  cmp al, ah
  jbe .some
.all:
  mov al, ah
.some:
  mov [bp-12], al
  sub ah, al
  mov [bp-4], ah
  mov [bp-14], cl
  sub dl, cl
  inc dl
  mov [bp-2], dl
  mov byte [bp-10], 1
  mov [bp-8], ch
  add ch, al
  mov [bp-6], ch
  test bl, bl
  jz .set
  mov byte [bp-10], -1 & 0xff
  mov [bp-8], dh
  sub dh, al
  mov [bp-6], dh
.set:
  call cell_shape
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  jne .move
  mov dx, 0x3ce
  mov ax, 0x0105                ; write mode 1: the latches
  out dx, ax
.move:
  cmp byte [bp-4], 0
  je .fill
  mov dl, [bp-14]
  mov dh, [bp-6]
  call cell_place
  push di
  mov dh, [bp-8]
  call cell_place
  pop ax
  call .copy_row
  mov al, [bp-10]
  add [bp-6], al
  add [bp-8], al
  dec byte [bp-4]
  jmp .move
.fill:
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  jne .fill_row
  mov dx, 0x3ce
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0f01
  out dx, ax
  mov al, 0
  mov ah, [bp-11]
  out dx, ax
.fill_row:
  mov dl, [bp-14]
  mov dh, [bp-8]
  call cell_place
  call .clear_row
  mov al, [bp-10]
  add [bp-8], al
  dec byte [bp-12]
  jnz .fill_row
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  jne .end
  call planar_defaults
.end:
  mov sp, bp
  pop bp
.ret:
  ret
; a row of cells from AX to DI, by bytes
.copy_row:
  pushad
  push ds
  push es
  pop ds
  mov si, ax
  call .row_bytes
.copy_line:
  push cx
  push si
  push di
  mov cx, ax
  rep movsb
  pop di
  pop si
  pop cx
  add si, dx
  add di, dx
  dec ch
  jnz .copy_line
  pop ds
  popad
  ret
.clear_row:
  pushad
  mov bh, [bp-11]
  cmp byte [cs:si+M_KIND], KIND_TEXT
  mov bl, 0x20
  je .clear
  mov bl, bh
.clear:
  call .row_bytes
.clear_line:
  push cx
  push di
  mov cx, ax
  mov ax, bx
  test cx, 1
  jz .words
  stosb
.words:
  push cx
  shr cx, 1
  rep stosw
  pop ax
  pop di
  pop cx
  add di, dx
  dec ch
  jnz .clear_line
  popad
  ret
; AX = bytes that the window takes of a line, DX = bytes of a line
.row_bytes:
  push ds
  push BDA
  pop ds
  mov al, [V_COLUMNS]
  mul cl
  mov dx, ax
  mov al, [bp-2]
  mul cl
  pop ds
  ret

; AL at column CX, row DX; bit 7: exclusive or
write_pixel:
  call pixel_place
  jc .ret
  mov bl, [bp+F_AL]
  je .linear
  mov dx, 0x3ce
  mov al, 8
  out dx, ax
  mov ax, 0x0f01
  out dx, ax
  mov al, 0
  mov ah, bl
  and ah, 0x0f
  out dx, ax
  test bl, 0x80
  jz .plain
  mov ax, 0x1803
  out dx, ax
.plain:
  mov al, [es:di]
  mov [es:di], al
  jmp planar_defaults
.linear:
  mov [es:di], bl
.ret:
  ret
read_pixel:
  call pixel_place
  jc .ret
  je .linear
  mov bh, ah
  mov bl, 0
  mov dx, 0x3ce
  mov ax, 0x0304                ; the planes from the last on
.plane:
  out dx, ax
  mov ch, [es:di]
  and ch, bh
  neg ch
  rcl bl, 1
  dec ah
  jns .plane
  mov [bp+F_AL], bl
  mov ax, 0x0004
  out dx, ax
  ret
.linear:
  mov al, [es:di]
  mov [bp+F_AL], al
.ret:
  ret
; DI, AH the bit; ZF in a linear mode, CF in one of text
pixel_place:
  call mode_record
  mov es, [cs:si+M_SEGMENT]
  cmp byte [cs:si+M_KIND], KIND_PLANAR
  jb .ret
  mov ax, [V_COLUMNS]
  je .planar
  shl ax, 3
  mul word [bp+F_DX]
  add ax, [bp+F_CX]
  mov di, ax
  cmp al, al
  ret
.planar:
  mul word [bp+F_DX]
  mov di, [bp+F_CX]
  mov cx, di
  shr di, 3
  add di, ax
  mov al, [bp+F_BH]
  and ax, 7
  mul word [V_PAGE_BYTES]
  add di, ax
  and cl, 7
  mov ah, 0x80
  shr ah, cl
  test ah, ah
.ret:
  ret
`;
