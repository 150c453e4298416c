/** The memory map, as INT 15h E820h tells it: from CMOS, and from what tables took. */
export const memoryMap = `
memory_map:
  and dword [P_HIGH_TOP], 0xfffff000
  mov ecx, low_ranges
  call add_ranges
  mov eax, 0x100000
  mov ebx, [P_HIGH_TOP]
  sub ebx, eax
  jbe .tables
  mov ebp, 1
  call add_range
.tables:
  mov eax, [P_HIGH_TOP]
  mov ebx, [EBDA_LINEAR+LOW_RAM]
  sub ebx, eax
  jz .ecam
  mov ebp, 2
  call add_range
.ecam:
  cmp byte [EBDA_LINEAR+IS_Q35], 0
  je .high
  mov eax, [EBDA_LINEAR+ECAM]
  mov ebx, 0x10000000
  mov ebp, 2
  call add_range
.high:
  mov ecx, high_ranges
  call add_ranges
  ; [CMOS] 5Bh to 5Dh: 64-KiB blocks above 4 GiB
  mov ah, 0x5c
  call cmos_word
  mov ebx, eax
  mov ah, 0x5e
  call cmos_word
  movzx eax, al
  shl eax, 16
  or ebx, eax
  jz .ret
  movzx edi, byte [EBDA_LINEAR+E820_COUNT]
  imul edi, edi, 20
  add edi, EBDA_LINEAR+E820
  xor eax, eax
  stosd
  inc eax
  stosd
  mov eax, ebx
  shl eax, 16
  stosd
  mov eax, ebx
  shr eax, 16
  stosd
  mov eax, 1
  stosd
  inc byte [EBDA_LINEAR+E820_COUNT]
.ret:
  ret
; the ranges at ECX
add_ranges:
  mov eax, [ecx]
  mov ebx, [ecx+4]
  mov ebp, [ecx+8]
  test ebx, ebx
  jz .ret
  call add_range
  add ecx, 12
  jmp add_ranges
.ret:
  ret
; EBX bytes from EAX on, of kind EBP
add_range:
  push ecx
  movzx edi, byte [EBDA_LINEAR+E820_COUNT]
  imul edi, edi, 20
  add edi, EBDA_LINEAR+E820
  xor ecx, ecx
  mov [edi], eax
  mov [edi+4], ecx
  mov [edi+8], ebx
  mov [edi+12], ecx
  mov [edi+16], ebp
  inc byte [EBDA_LINEAR+E820_COUNT]
  pop ecx
  ret
  align 4
low_ranges:
  dd 0, EBDA_LINEAR, 1
  dd EBDA_LINEAR, 0xa0000-EBDA_LINEAR, 2
  dd 0xe0000, 0x20000, 2
  dd 0, 0, 0
high_ranges:
  dd 0xfeffc000, 0x4000, 2
  dd 0xfffc0000, 0x40000, 2
  dd 0, 0, 0
`;
