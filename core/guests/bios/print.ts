/** Text on the screen, and on the debug console at port 402h where there is one. */
export const print = `
; prints the text behind the call; all registers kept
print:
  push bp
  mov bp, sp
  push si
  mov si, [bp+2]
  call print_text
  mov [bp+2], si
  pop si
  pop bp
  ret
; prints the text at CS:SI; SI behind it
print_text:
  push ax
.next:
  cs lodsb
  test al, al
  jz .end
  call print_char
  jmp .next
.end:
  pop ax
  ret
; the same at DS:SI
print_data:
  push ax
.next:
  lodsb
  test al, al
  jz .end
  call print_char
  jmp .next
.end:
  pop ax
  ret
print_char:
  pushad
  push ax
  mov ah, 0x0e
  mov bx, 7
  int 0x10
  pop ax
  mov ah, al
  mov dx, DEBUG_PORT
  in al, dx
  cmp al, 0xe9
  jne .end
  mov al, ah
  out dx, al
.end:
  popad
  ret
; AX in decimal
print_number:
  pushad
  mov bx, 10
  xor cx, cx
.digit:
  xor dx, dx
  div bx
  push dx
  inc cx
  test ax, ax
  jnz .digit
.show:
  pop ax
  add al, '0'
  call print_char
  loop .show
  popad
  ret
; AL in two hexadecimal digits
print_hex:
  push ax
  shr al, 4
  call .digit
  pop ax
  push ax
  and al, 15
  call .digit
  pop ax
  ret
.digit:
  cmp al, 10
  sbb al, 0x69
  das
  jmp print_char
`;
