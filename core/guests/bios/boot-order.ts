/** Which drives are tried first, and whether there is a menu: the host's word for it, by fw_cfg. [OFW] device paths. */
export const bootOrder = `
; a line a device, such as /pci@i0cf8/ide@1,1/drive@0/disk@0
read_boot_order:
  mov esi, name_bootorder
  mov edi, P_ORDER
  mov edx, 0x4000
  call fw_load
  jc .ret
  mov byte [P_ORDER+ecx], 0
  mov esi, P_ORDER
  mov ebp, EBDA_LINEAR+ORDER
.line:
  cmp byte [esi], 0
  je .ret
  cmp dword [esi], 0x544c4148   ; "HALT"
  jne .device
  mov byte [EBDA_LINEAR+ORDER_STRICT], 1
.device:
  cmp byte [EBDA_LINEAR+ORDER_COUNT], 16
  jae .ret
  mov dword [ebp], 0xfffe       ; no device of ours
  mov edi, name_floppy
  call .find
  jc .drive
  mov word [ebp], 0xffff
  call .hex
  mov [ebp+3], al
  jmp .keep
.drive:
  mov edi, name_drive
  call .find
  jc .next
  call .hex
  mov [ebp+2], al
  mov edi, name_disk
  call .find
  jc .next
  call .hex
  mov [ebp+3], al
  mov edi, name_root
  call .find
  jc .next
.name:
  mov al, [edx]
  inc edx
  cmp al, 10
  jbe .next
  cmp al, '@'
  jne .name
  call .hex
  shl eax, 3
  cmp byte [edx], ','
  jne .function_0
  push eax
  inc edx
  call .hex
  pop ecx
  or eax, ecx
.function_0:
  mov [ebp], ax
.keep:
.next:
  add ebp, ORDER_BYTES
  inc byte [EBDA_LINEAR+ORDER_COUNT]
.skip:
  lodsb
  test al, al
  jz .ret
  cmp al, 10
  jne .skip
  jmp .line
.ret:
  ret
; EDX behind the text EDI in the line at ESI; CF when it is not there
.find:
  mov edx, esi
.try:
  push edx
  push edi
.same:
  mov al, [edi]
  test al, al
  jz .there
  cmp al, [edx]
  jne .other
  inc edx
  inc edi
  jmp .same
.other:
  pop edi
  pop edx
  cmp byte [edx], 10
  jbe .not
  inc edx
  jmp .try
.there:
  pop edi
  pop eax
  clc
  ret
.not:
  stc
  ret
; EAX = the hexadecimal number at EDX, which goes behind it
.hex:
  xor eax, eax
.digit:
  movzx ecx, byte [edx]
  sub ecx, '0'
  cmp ecx, 10
  jb .value
  sub ecx, 'a'-'0'-10
  cmp ecx, 10
  jb .end
  cmp ecx, 15
  ja .end
.value:
  shl eax, 4
  or eax, ecx
  inc edx
  jmp .digit
.end:
  ret
name_bootorder:
  db 'bootorder', 0
name_floppy:
  db 'floppy@', 0
name_drive:
  db '/drive@', 0
name_disk:
  db '/disk@', 0
name_root:
  db '/pci@i0cf8/', 0

; --- the menu: item 0Eh and its wait in ms ---
read_menu_settings:
  mov byte [EBDA_LINEAR+MENU_ENABLED], 1
  mov word [EBDA_LINEAR+MENU_WAIT], 2500
  cmp byte [P_HAS_FW_CFG], 0
  je .ret
  mov eax, 0x0e
  mov edi, P_DMA
  mov ecx, 2
  mov edi, P_TEXT
  call fw_read
  mov al, [P_TEXT]
  mov [EBDA_LINEAR+MENU_ENABLED], al
  mov esi, name_menu_wait
  mov edi, P_TEXT
  mov dword [edi], 2500
  mov edx, 2
  call fw_load
  mov eax, [P_TEXT]
  mov [EBDA_LINEAR+MENU_WAIT], ax
.ret:
  ret
name_menu_wait:
  db 'etc/boot-menu-wait', 0
`;
