/** An MP table: processors, the ISA bus, one IOAPIC. [MP] MultiProcessor Specification 1.4, 4. */
export const mpTable = `
make_mp_table:
  mov eax, 1
  cpuid
  test dh, 2                    ; has a local APIC
  jz .ret
  push eax
  push edx
  mov dword [P_CPUS], 1
  cmp byte [P_HAS_FW_CFG], 0
  je .count
  mov eax, 5
  mov edi, P_CPUS
  mov ecx, 2
  call fw_read
.count:
  mov eax, [P_CPUS]
  cmp eax, 64
  jbe .room
  mov eax, 64
  mov [P_CPUS], eax
.room:
  imul ecx, eax, 20
  add ecx, 16+44+8+8+15*8+2*8
  mov eax, 16
  mov dl, 2
  call allocate
  pop edx
  pop ebp
  jc .ret
  ; floating pointer
  mov ebx, edi
  mov dword [edi], 0x5f504d5f
  lea eax, [edi+16]
  mov [edi+4], eax
  mov dword [edi+8], 0x00000401 ; 16 bytes, version 1.4
  mov dword [edi+12], 0
  mov esi, edi
  mov ecx, 16
  call checksum
  sub [edi+10], al
  ; header
  lea edi, [ebx+16]
  mov esi, mp_header
  mov ecx, 11
  rep movsd
  xor ecx, ecx
.processor:
  mov al, 0
  stosb
  mov al, cl
  stosb
  mov al, 0x14
  stosb
  cmp cl, 1
  mov al, 1
  adc al, 0
  cmp al, 2
  jne .flags
  mov al, 3
.flags:
  stosb
  mov eax, ebp
  stosd
  mov eax, edx
  stosd
  xor eax, eax
  stosd
  stosd
  inc ecx
  cmp ecx, [P_CPUS]
  jb .processor
  mov esi, mp_board
  mov ecx, 4
  rep movsd
  xor ecx, ecx
.interrupt:
  ; ISA interrupt CL: edge, but 9, 10, 11 level; the timer at input 2
  cmp cl, 2
  je .next
  mov eax, 3
  stosd
  mov al, 0
  stosb
  mov al, cl
  stosb
  mov al, 0
  stosb
  mov al, cl
  test al, al
  jnz .input
  mov al, 2
.input:
  stosb
  lea eax, [ecx-9]
  cmp eax, 3
  jae .next
  mov byte [edi-6], 0x0d
.next:
  inc ecx
  cmp ecx, 16
  jb .interrupt
  mov esi, mp_local
  mov ecx, 4
  rep movsd
  lea esi, [ebx+16]
  mov ecx, edi
  sub ecx, esi
  mov [esi+4], cx
  mov ax, [P_CPUS]
  add ax, 2+15+2
  mov [esi+34], ax
  call checksum
  sub [esi+7], al
.ret:
  ret
  align 4
mp_header:
  db 'PCMP', 0, 0, 4, 0, 'VIVARIUM', 'BIOS        '
  dd 0
  dw 0, 0
  dd 0xfee00000, 0
mp_board:
  db 1, 0, 'ISA   '
  db 2, 0, 0x11, 1
  dd 0xfec00000
mp_local:
  db 4, 3, 0, 0, 0, 0, 0, 0     ; external interrupts to LINT0
  db 4, 1, 0, 0, 0, 0, 0xff, 1  ; NMI to LINT1
`;
