/** QEMU's fw_cfg in 32-bit code: items, files, by DMA where it has that. [FWCFG] QEMU docs/specs/fw_cfg. */
export const fwCfg = `
; EDI gets ECX bytes of item AX
fw_read:
  pushad
  cmp byte [P_HAS_DMA], 0
  jne .dma
  mov edx, FW_CFG_SELECT
  out dx, ax
  mov edx, FW_CFG_DATA
  rep insb
  popad
  ret
.dma:
  ; big-endian: control (item, select, read), length, address
  shl eax, 16
  or eax, 0x0a
  bswap eax
  mov [P_DMA], eax
  bswap ecx
  mov [P_DMA+4], ecx
  mov dword [P_DMA+8], 0
  bswap edi
  mov [P_DMA+12], edi
  mov edx, FW_CFG_DMA+4
  mov eax, P_DMA
  bswap eax
  out dx, eax
.wait:
  mov eax, [P_DMA]
  bswap eax
  and eax, ~1
  jnz .wait
  popad
  ret

; finds out what there is; reads the directory of files
fw_start:
  mov dword [P_FILES], 0
  mov byte [P_HAS_DMA], 0
  xor eax, eax
  mov edi, P_DMA
  mov ecx, 4
  call fw_read
  cmp dword [P_DMA], 0x554d4551 ; "QEMU"
  jne .ret
  mov byte [P_HAS_FW_CFG], 1
  mov eax, 1
  call fw_read
  test byte [P_DMA], 2
  setnz al
  push eax
  mov eax, 0x19
  mov edi, P_DMA
  call fw_read
  pop eax
  mov [P_HAS_DMA], al
  mov eax, [P_DMA]
  bswap eax
  cmp eax, 900
  jbe .count
  mov eax, 900
.count:
  mov [P_FILES], eax
  mov ecx, eax
  shl ecx, 6
  add ecx, 4
  mov eax, 0x19
  mov edi, P_DIRECTORY
  call fw_read
.ret:
  ret

; the file with the name at ESI: EAX its item, ECX its size; CF when there is none
fw_find:
  push edi
  mov edi, P_DIRECTORY+4
  mov ecx, [P_FILES]
.next:
  jecxz .none
  push esi
  push edi
  add edi, 8
  call same_name
  pop edi
  pop esi
  je .found
  add edi, 64
  dec ecx
  jmp .next
.none:
  stc
  pop edi
  ret
.found:
  mov ecx, [edi]
  bswap ecx
  movzx eax, word [edi+4]
  xchg al, ah
  clc
  pop edi
  ret

; ZF when the names at ESI and EDI are the same
same_name:
  push eax
.next:
  lodsb
  cmp al, [edi]
  jne .ret
  inc edi
  test al, al
  jnz .next
.ret:
  pop eax
  ret

; reads the file ESI to EDI, at most EDX bytes; ECX = how many; CF when there is none
fw_load:
  call fw_find
  jc .ret
  cmp ecx, edx
  jbe .fits
  mov ecx, edx
.fits:
  call fw_read
  clc
.ret:
  ret
`;
