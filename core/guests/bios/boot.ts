/**
 * INT 19h: what is booted, in which order, and why not. The order is fw_cfg's list of devices when the machine gives one,
 * else the three kinds in CMOS bytes 3Dh and 38h.
 */
export const boot = `
; the boot entries, from the maps of drives
list_boots:
  mov byte [BOOT_COUNT], 0
  mov ax, BOOT_FLOPPY
  mov bx, FLOPPY_MAP
  mov cl, [FLOPPY_COUNT]
  mov dl, 0
  call .kind
  mov ax, BOOT_DISK
  mov bx, DISK_MAP
  mov cl, [DISK_COUNT]
  mov dl, 0x80
  call .kind
  mov ax, BOOT_CD
  mov bx, CD_MAP
  mov cl, [CD_COUNT]
  mov dl, 0xe0
.kind:
  test cl, cl
  jz .ret
  push ax
  push bx
  push cx
  push dx
  call .add
  pop dx
  pop cx
  pop bx
  pop ax
  inc bx
  inc dx
  dec cl
  jmp .kind
; kind AL, number DL, index of its drive at BX
.add:
  movzx di, byte [BOOT_COUNT]
  cmp di, 20
  jae .ret
  shl di, 4
  add di, BOOTS
  mov [di+B_KIND], al
  mov [di+B_NUMBER], dl
  mov al, [bx]
  call drive_entry
  mov [di+B_DRIVE], si
  call boot_priority
  jc .ret
  ; two are never alike
  mov ah, bl
  mov al, [BOOT_COUNT]
  mov [di+B_PRIORITY], ax
  inc byte [BOOT_COUNT]
.ret:
  ret

; BL = priority of entry DI with drive SI; CF when it is not to be booted
boot_priority:
  xor bx, bx
  mov cl, [ORDER_COUNT]
  test cl, cl
  jz .by_kind
  mov dx, ORDER
.next:
  push di
  mov di, dx
  mov ax, [di+O_BDF]
  cmp ax, [si+D_BDF]
  jne .no
  mov al, [di+O_CHANNEL]
  cmp al, [si+D_CHANNEL]
  jne .no
  mov al, [di+O_SLAVE]
  cmp al, [si+D_SLAVE]
.no:
  pop di
  je .found
  add dx, ORDER_BYTES
  inc bx
  dec cl
  jnz .next
  mov bl, 0x40
  cmp byte [ORDER_STRICT], 1
  cmc
  ret
.found:
  clc
  ret
.by_kind:
  mov al, 0x3d
  call cmos_read
  mov ah, al
  and al, 15
  cmp al, [di+B_KIND]
  je .found
  inc bx
  shr ah, 4
  cmp ah, [di+B_KIND]
  je .found
  inc bx
  mov al, 0x38
  call cmos_read
  shr al, 4
  cmp al, [di+B_KIND]
  je .found
  mov bl, 0x20
  jmp .found

; DI = the entry behind priority AX; CF when there is none
next_boot:
  mov bx, BOOTS
  mov cl, [BOOT_COUNT]
  mov dx, 0xffff
.look:
  test cl, cl
  jz .end
  mov si, [bx+B_PRIORITY]
  cmp si, ax
  jle .not
  cmp si, dx
  jae .not
  mov dx, si
  mov di, bx
.not:
  add bx, BOOT_BYTES
  dec cl
  jmp .look
.end:
  cmp dx, 0xffff
  cmc
  ret

; INT 18h: what was booted gives up; the next, please
int18:
  mov ax, EBDA_SEGMENT
  mov ds, ax
  cli
  mov ss, ax
  mov sp, STACK_TOP
  sti
  call print
  db 'The system gave up booting.', 13, 10, 0
  jmp boot_next

int19:
  mov ax, EBDA_SEGMENT
  mov ds, ax
  cli
  mov ss, ax
  mov sp, STACK_TOP
  sti
  cld
  mov word [BOOT_LAST], -1
boot_next:
  mov byte [EMU_ACTIVE], 0
  mov byte [STACK_BUSY], 0
  mov ax, [BOOT_LAST]
  call next_boot
  jc boot_nothing
  mov ax, [di+B_PRIORITY]
  mov [BOOT_LAST], ax
  call boot_entry
  jmp boot_next
boot_nothing:
  call print
  db 13, 10, 'There is nothing to boot from. Attach a bootable disk or disc, then press a key to start again.', 13, 10, 0
  xor ah, ah
  int 0x16
  jmp reset_machine

; tries entry DI; comes back only when it cannot be booted, with the reason said
boot_entry:
  call print
  db 'Booting from ', 0
  call print_boot
  call print
  db ' ... ', 0
  mov si, [di+B_DRIVE]
  mov dl, [di+B_NUMBER]
  cmp byte [di+B_KIND], BOOT_CD
  jne .sector
  call load_cd
  jc .failed
  jmp .go
.sector:
  xor eax, eax
  mov [RQ_LBA], eax
  mov [RQ_LBA+4], eax
  mov word [RQ_COUNT], 1
  mov [RQ_SEGMENT], ax
  mov word [RQ_OFFSET], 0x7c00
  mov byte [RQ_OP], OP_READ
  push dx
  call transfer
  pop dx
  mov word [LAST_REASON], text_unreadable
  jc .failed
  push 0
  pop es
  mov word [LAST_REASON], text_no_signature
  cmp word [es:0x7dfe], 0xaa55
  stc
  jne .failed
  xor ax, ax
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je .go
  ; a table that is empty of code is no boot sector
  cmp word [es:0x7c00], 0
  stc
  mov word [LAST_REASON], text_no_code
  je .failed
.go:
  call print
  db 13, 10, 0
  mov bx, ax                    ; segment 0 means 0:7C00
  xor cx, cx
  test bx, bx
  jnz .segment
  mov cx, 0x7c00
.segment:
  cmp bx, 0x7c0
  jne .far
  xor bx, bx
  mov cx, 0x7c00
.far:
  xor ax, ax
  mov ds, ax
  mov es, ax
  cli
  mov ss, ax
  mov sp, 0x7c00
  push bx
  push cx
  and edx, 0xff
  xor eax, eax
  xor ebx, ebx
  xor ecx, ecx
  xor esi, esi
  xor edi, edi
  xor ebp, ebp
  sti
  retf
.failed:
  push si
  mov si, [LAST_REASON]
  call print_text
  pop si
  call print
  db 13, 10, 0
  ret

; what entry DI is, in words
print_boot:
  push ax
  push si
  mov al, [di+B_KIND]
  mov si, text_floppy
  cmp al, BOOT_FLOPPY
  je .name
  mov si, text_disk
  cmp al, BOOT_DISK
  je .name
  mov si, text_cd
.name:
  call print_text
  mov al, [di+B_NUMBER]
  and ax, 0x1f
  inc ax
  call print_number
  mov si, [di+B_DRIVE]
  cmp byte [si+D_MODEL], 0
  je .end
  call print
  db ' (', 0
  lea si, [si+D_MODEL]
  call print_data
  call print
  db ')', 0
.end:
  pop si
  pop ax
  ret

text_floppy:
  db 'floppy ', 0
text_disk:
  db 'hard disk ', 0
text_cd:
  db 'CD-ROM ', 0
text_no_disc:
  db 'no disc in the drive.', 0
text_unreadable:
  db 'it cannot be read.', 0
text_no_boot_record:
  db 'the disc has no El Torito boot record.', 0
text_bad_catalog:
  db 'the boot catalog of the disc is damaged.', 0
text_not_bootable:
  db 'the boot catalog names no bootable image.', 0
text_unknown_media:
  db 'the boot catalog asks for an unknown kind of disk.', 0
text_no_signature:
  db 'no boot sector (its first sector does not end in 55 AA).', 0
text_no_code:
  db 'no boot sector (its first sector has no code).', 0
`;
