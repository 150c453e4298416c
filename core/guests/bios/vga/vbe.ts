/**
 * INT 10h/4Fh: VBE 3.0 over the registers of the Bochs display interface. [VBE] VBE Core Functions 3.0; [DISPI] QEMU
 * docs/specs/standard-vga. State (04h) is the display interface's, without the VGA's registers; no protected-mode
 * interface (0Ah).
 */
import type { Listing } from '../listing.ts';

type Size = readonly [width: number, height: number];

/** The numbers of the VBE standard and of the Bochs VGA BIOS; then 32-bit modes in sizes of today's screens. */
const STANDARD: readonly (readonly [number: number, ...Size, bits: number])[] = [
  [0x100, 640, 400, 8],
  [0x101, 640, 480, 8],
  [0x103, 800, 600, 8],
  [0x105, 1024, 768, 8],
  [0x107, 1280, 1024, 8],
  ...(
    [
      [0x10d, 320, 200],
      [0x110, 640, 480],
      [0x113, 800, 600],
      [0x116, 1024, 768],
      [0x119, 1280, 1024],
      [0x11d, 1600, 1200],
    ] as const
  ).flatMap(([first, width, height]) =>
    ([15, 16, 24] as const).map((bits, n) => [first + n, width, height, bits] as const),
  ),
  [0x140, 320, 200, 32],
  [0x141, 640, 400, 32],
  [0x142, 640, 480, 32],
  [0x143, 800, 600, 32],
  [0x144, 1024, 768, 32],
  [0x145, 1280, 1024, 32],
  [0x146, 320, 200, 8],
  [0x147, 1600, 1200, 32],
];
const WIDE: readonly Size[] = [
  [1152, 864],
  [1280, 720],
  [1280, 768],
  [1280, 800],
  [1280, 960],
  [1360, 768],
  [1400, 1050],
  [1440, 900],
  [1600, 900],
  [1680, 1050],
  [1920, 1080],
  [1920, 1200],
  [1920, 1440],
  [2048, 1152],
  [2560, 1440],
  [2560, 1600],
];
const FIRST_WIDE = 0x170;

/** Number, width, height, bits: 8 bytes a mode; 0ffffh ends them. */
export function vbeModes(p: Listing): void {
  p.bind('vbe_modes');
  for (const [number, width, height, bits] of STANDARD) p.u16(number, width, height, bits);
  WIDE.forEach(([width, height], n) => {
    p.u16(FIRST_WIDE + n, width, height, 32);
  });
  p.u16(0xffff);
}

/** Size and position of red, green, blue and reserved, by bits a pixel. */
export function vbeMasks(p: Listing): void {
  p.bind('vbe_masks');
  for (const [bits, ...masks] of [
    [15, 5, 10, 5, 5, 5, 0, 1, 15],
    [16, 5, 11, 6, 5, 5, 0, 0, 0],
    [24, 8, 16, 8, 8, 8, 0, 0, 0],
    [32, 8, 16, 8, 8, 8, 0, 8, 24],
  ] as const) {
    p.bytes(bits, ...masks);
  }
  p.bytes(0);
}

export const vbe = `
; EAX's low half = register AL of the display interface. DX changes
dispi_get:
  mov dx, 0x1ce
  xor ah, ah
  out dx, ax
  inc dx
  in ax, dx
  ret
; register AL = CX; AX, DX change
dispi_set:
  mov dx, 0x1ce
  xor ah, ah
  out dx, ax
  inc dx
  mov ax, cx
  out dx, ax
  ret
; the VGA's own modes again
dispi_off:
  push ax
  push cx
  mov al, 4
  xor cx, cx
  call dispi_set
  mov word [cs:vbe_mode], 0
  pop cx
  pop ax
  ret
vbe_mode:
  dw 0

; EBX = address of the linear frame buffer: the card's first base address
frame_buffer:
  push eax
  push dx
  xor ebx, ebx
  mov bx, [cs:card]
  cmp bx, -1
  je .none
  shl ebx, 8
  lea eax, [ebx+0x80000010]
  mov dx, PCI_ADDRESS
  out dx, eax
  mov dx, PCI_DATA
  in eax, dx
  and al, 0xf0
  mov ebx, eax
.end:
  pop dx
  pop eax
  ret
.none:
  mov ebx, 0xe0000000
  jmp .end

vbe:
  mov al, 0
  call dispi_get
  and al, 0xf0
  cmp ax, 0xb0c0
  jne int10_ret                 ; not supported: AX as it was
  mov word [bp+F_AX+2], 0
  mov al, [bp+F_AL]
  mov ah, al
  mov byte [bp+F_AL], 0x4f
  mov byte [bp+F_AH], 0
  mov bl, [bp+F_BL]
  cmp al, 9
  ja .more
  movzx si, al
  shl si, 1
  jmp word [cs:si+vbe_functions]
.more:
  cmp al, 0x15
  je vbe_ddc
vbe_fail:
  mov byte [bp+F_AH], 1
  ret
vbe_functions:
  dw vbe_information, vbe_mode_information, vbe_set_mode, vbe_get_mode, vbe_state
  dw vbe_window, vbe_line_length, vbe_display_start, vbe_dac_width, vbe_palette

; CF when the mode at SI is too big for the card's memory
mode_fits:
  push edx
  push ebx
  push ecx
  push eax
  mov al, 10                    ; 64-KiB units
  call dispi_get
  movzx ebx, ax
  shl ebx, 16
  jnz .known
  mov ebx, 0x1000000
.known:
  movzx eax, word [cs:si+2]
  movzx ecx, word [cs:si+6]
  add ecx, 7
  shr ecx, 3
  imul eax, ecx
  movzx ecx, word [cs:si+4]
  mul ecx
  cmp ebx, eax
  pop eax
  pop ecx
  pop ebx
  pop edx
  ret
; SI = the mode CX; CF when there is none, or it does not fit
vbe_find:
  and cx, 0x1ff
  mov si, vbe_modes
.next:
  cmp word [cs:si], -1
  stc
  je .ret
  cmp [cs:si], cx
  je mode_fits
  add si, 8
  jmp .next
.ret:
  ret

vbe_information:
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov ebx, [es:di]
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  mov dword [es:di], 0x41534556 ; "VESA"
  mov word [es:di+4], 0x0300
  mov word [es:di+6], text_oem
  mov [es:di+8], cs
  mov byte [es:di+10], 1        ; the DAC can be 8 bits wide
  lea ax, [di+0x22]
  mov [es:di+14], ax
  mov [es:di+16], es
  mov al, 10
  call dispi_get
  mov [es:di+18], ax
  cmp ebx, 0x32454256           ; "VBE2": there is room for more
  jne .list
  mov word [es:di+20], 0x0100
  mov word [es:di+22], text_oem
  mov [es:di+24], cs
  mov word [es:di+26], text_oem
  mov [es:di+28], cs
  mov word [es:di+30], text_oem
  mov [es:di+32], cs
.list:
  add di, 0x22
  mov si, vbe_modes
.next:
  mov ax, [cs:si]
  cmp ax, -1
  je .end
  call mode_fits
  jc .skip
  stosw
.skip:
  add si, 8
  jmp .next
.end:
  stosw
  ret

vbe_mode_information:
  mov cx, [bp+F_CX]
  call vbe_find
  jc vbe_fail
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  mov word [es:di], 0x009b      ; present, colour, graphics, linear too
  mov byte [es:di+2], 7         ; window A: there, read, written
  mov word [es:di+4], 64
  mov word [es:di+6], 64
  mov word [es:di+8], 0xa000
  mov word [es:di+12], vbe_far_window
  mov [es:di+14], cs
  mov cx, [cs:si+6]
  mov ax, cx
  add ax, 7
  shr ax, 3
  mul word [cs:si+2]
  mov [es:di+16], ax
  mov [es:di+50], ax
  mov bx, ax
  mov ax, [cs:si+2]
  mov [es:di+18], ax
  mov ax, [cs:si+4]
  mov [es:di+20], ax
  mov word [es:di+22], 0x1008   ; character cell
  mov byte [es:di+24], 1
  mov [es:di+25], cl
  mov byte [es:di+26], 1
  mov byte [es:di+27], 4        ; packed
  mov byte [es:di+30], 1
  ; images: memory by the size of one
  mul bx
  push dx
  push ax
  pop ebx
  mov al, 10
  call dispi_get
  movzx eax, ax
  shl eax, 16
  xor edx, edx
  div ebx
  cmp eax, 255
  jbe .images
  mov al, 255
.images:
  dec al
  mov [es:di+29], al
  mov [es:di+52], al
  mov [es:di+53], al
  call frame_buffer
  mov [es:di+40], ebx
  mov dword [es:di+62], 0x0ee6b280 ; 250 MHz at most
  mov si, vbe_masks
.mask:
  cmp byte [cs:si], 0
  je .ret
  cmp [cs:si], cl
  je .direct
  add si, 9
  jmp .mask
.direct:
  mov byte [es:di+27], 6
  inc si
  push si
  push di
  add di, 31
  mov cx, 8
  cs rep movsb
  pop di
  pop si
  add di, 54
  mov cx, 8
  cs rep movsb
.ret:
  ret

vbe_set_mode:
  mov cx, [bp+F_BX]
  test cx, 0x1ff & ~0x7f
  jnz .vbe
  test cx, 0x0100
  jnz .vbe
  mov al, cl
  and al, 0x7f
  test ch, 0x80
  jz .clear
  or al, 0x80
.clear:
  mov [bp+F_AL], al
  call set_mode
  mov byte [bp+F_AL], 0x4f
  ret
.vbe:
  call vbe_find
  jc vbe_fail
  push si
  ; a VGA mode of 256 colours below it: its palette, its memory's place
  mov al, 0x13
  call find_mode
  call dispi_off
  call set_registers
  call set_palette
  pop si
  mov ax, [bp+F_BX]
  and ax, 0x41ff
  mov [cs:vbe_mode], ax
  mov al, 1
  mov cx, [cs:si+2]
  call dispi_set
  mov al, 2
  mov cx, [cs:si+4]
  call dispi_set
  mov al, 3
  mov cx, [cs:si+6]
  call dispi_set
  mov al, 5
  xor cx, cx
  call dispi_set
  mov bx, [bp+F_BX]
  mov cx, 1
  test bh, 0x40
  jz .banked
  or cl, 0x40
.banked:
  test bh, 0x80
  jz .enable
  or cl, 0x80
.enable:
  mov al, 4
  call dispi_set
  ; the BIOS data area: cells of 8x16
  mov byte [V_MODE], 0x6f
  mov ax, [cs:si+2]
  shr ax, 3
  mov [V_COLUMNS], ax
  mov ax, [cs:si+4]
  shr ax, 4
  dec ax
  mov [V_ROWS], al
  mov word [V_HEIGHT], 16
  jmp display_on

vbe_get_mode:
  mov ax, [cs:vbe_mode]
  test ax, ax
  jnz .there
  mov al, [V_MODE]
.there:
  mov [bp+F_BX], ax
  ret

; DL 0: blocks of 64 bytes; 1: saves to ES:BX; 2: restores
vbe_state:
  mov es, [bp+F_ES]
  mov di, [bp+F_BX]
  mov al, [bp+F_DL]
  cmp al, 1
  jb .size
  je .save
  cmp al, 2
  jne vbe_fail
  ; width to offsets, then on or off
  mov bl, 1
.restore:
  cmp bl, 4
  je .later
  mov al, bl
  mov cx, [es:di]
  call dispi_set
.later:
  add di, 2
  inc bl
  cmp bl, 10
  jb .restore
  mov ax, [es:di]
  mov [cs:vbe_mode], ax
  mov cx, [es:di-12]
  or cl, 0x80
  mov al, 4
  jmp dispi_set
.save:
  mov bl, 1
.next:
  mov al, bl
  call dispi_get
  stosw
  inc bl
  cmp bl, 10
  jb .next
  mov ax, [cs:vbe_mode]
  stosw
  ret
.size:
  mov word [bp+F_BX], 1
  ret

; the window's position; by far call: BX and DX alone, no answer but DX
vbe_window:
  cmp byte [bp+F_BL], 0
  jne vbe_fail
  cmp byte [bp+F_BH], 1
  je .get
  mov al, 5
  mov cx, [bp+F_DX]
  jmp dispi_set
.get:
  mov al, 5
  call dispi_get
  mov [bp+F_DX], ax
  ret
vbe_far_window:
  test bh, bh
  jnz .get
  push ax
  push cx
  push dx
  mov cx, dx
  mov al, 5
  call dispi_set
  pop dx
  pop cx
  pop ax
  retf
.get:
  push ax
  mov al, 5
  call dispi_get
  mov dx, ax
  pop ax
  retf

; BYTES of a pixel in the mode: CX
pixel_bytes:
  mov al, 3
  call dispi_get
  mov cx, ax
  add cx, 7
  shr cx, 3
  jnz .ret
  inc cx
.ret:
  ret
vbe_line_length:
  call pixel_bytes
  mov ax, [bp+F_CX]
  xor dx, dx
  cmp bl, 1
  je .tell
  jb .set
  cmp bl, 2
  jne .most
  div cx
.set:
  mov cx, ax
  mov al, 6
  call dispi_set
.tell:
  mov al, 6
  call dispi_get
  mov [bp+F_CX], ax
  push ax
  call pixel_bytes
  pop ax
  mul cx
  mov [bp+F_BX], ax
  mov al, 7
  call dispi_get
  mov [bp+F_DX], ax
  ret
.most:
  cmp bl, 3
  jne vbe_fail
  mov ax, 0x3ff8
  mov [bp+F_CX], ax
  mul cx
  mov [bp+F_BX], ax
  ret

vbe_display_start:
  and bl, 0x7f
  cmp bl, 1
  je .get
  cmp bl, 0
  jne vbe_fail
  mov al, 8
  mov cx, [bp+F_CX]
  call dispi_set
  mov al, 9
  mov cx, [bp+F_DX]
  jmp dispi_set
.get:
  mov al, 8
  call dispi_get
  mov [bp+F_CX], ax
  mov al, 9
  call dispi_get
  mov [bp+F_DX], ax
  mov byte [bp+F_BH], 0
  ret

; BL 0: sets BH bits a gun; 1: tells them
vbe_dac_width:
  mov al, 4
  call dispi_get
  mov cx, ax
  cmp bl, 1
  je .tell
  ja vbe_fail
  and cl, 0xdf
  cmp byte [bp+F_BH], 8
  jb .six
  or cl, 0x20
.six:
  or cl, 0x80
  mov al, 4
  call dispi_set
.tell:
  mov byte [bp+F_BH], 6
  test cl, 0x20
  jz .ret
  mov byte [bp+F_BH], 8
.ret:
  ret

; CX entries from DX on, at ES:DI: blue, green, red, nothing
vbe_palette:
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov cx, [bp+F_CX]
  and bl, 0x7f
  cmp bl, 1
  ja vbe_fail
  mov al, [bp+F_DL]
  mov dx, 0x3c8
  je .read
  out dx, al
  inc dx
.write:
  jcxz .ret
  mov al, [es:di+2]
  out dx, al
  mov al, [es:di+1]
  out dx, al
  mov al, [es:di]
  out dx, al
  add di, 4
  dec cx
  jmp .write
.read:
  dec dx
  out dx, al
  add dx, 2
.read_next:
  jcxz .ret
  in al, dx
  mov [es:di+2], al
  in al, dx
  mov [es:di+1], al
  in al, dx
  mov [es:di], al
  mov byte [es:di+3], 0
  add di, 4
  dec cx
  jmp .read_next
.ret:
  ret

; the monitor's EDID: BL 0 what can be done, 1 block DX to ES:DI
vbe_ddc:
  cmp dword [cs:edid], 0xffffff00
  jne vbe_fail
  cmp bl, 1
  je .read
  ja vbe_fail
  mov word [bp+F_BX], 0x0102    ; a second a block, DDC2
  ret
.read:
  mov si, edid
  cmp word [bp+F_DX], 1
  ja vbe_fail
  jb .copy
  cmp byte [cs:edid+126], 0
  je vbe_fail
  add si, 128
.copy:
  mov es, [bp+F_ES]
  mov di, [bp+F_DI]
  mov cx, 64
  cs rep movsw
  ret
  align 4
edid:
  zero 256
`;
