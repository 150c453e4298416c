/** The boot menu: F12 while the machine starts. */
export const menu = `
; tells the key, waits MENU_WAIT ms for it when the machine wants that
offer_menu:
  cmp byte [BOOT_COUNT], 0
  je .ret
  mov cx, [MENU_WAIT]
  cmp byte [MENU_ENABLED], 0
  jne .tell
  xor cx, cx
  jmp .look
.tell:
  call print
  db 'Press F12 for the boot menu.', 13, 10, 0
.look:
  ; a tick is 55 ms
  mov ax, cx
  xor dx, dx
  mov bx, 55
  div bx
  call set_deadline
.again:
  mov ah, 0x11
  int 0x16
  jnz .key
  call in_time
  jnc .ret
  hlt
  jmp .again
.key:
  mov ah, 0x10
  int 0x16
  cmp ah, 0x86                  ; F12
  jne .again
  jmp boot_menu
.ret:
  ret

boot_menu:
  call print
  db 13, 10, 'Boot from (Esc: in the usual order)', 13, 10, 0
  mov ax, -1
  mov bp, 0
.list:
  push bp
  call next_boot
  pop bp
  jc .choose
  inc bp
  call print
  db '  ', 0
  mov ax, bp
  call print_number
  call print
  db '  ', 0
  call print_boot
  call print
  db 13, 10, 0
  mov ax, [di+B_PRIORITY]
  cmp bp, 9
  jb .list
.choose:
  mov ah, 0
  int 0x16
  cmp al, 27
  je .ret
  sub al, '0'
  movzx cx, al
  dec cx
  cmp cx, bp
  jae .choose
  mov ax, -1
.step:
  push cx
  call next_boot
  pop cx
  mov ax, [di+B_PRIORITY]
  dec cx
  jns .step
  call print
  db 13, 10, 0
  call boot_entry
  jmp boot_menu
.ret:
  call print
  db 13, 10, 0
  ret
`;
