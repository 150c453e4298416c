/**
 * ACPI tables by the loader script: memory for files, pointers, checksums. Also what other tables need: memory and sums.
 * [LOADER] QEMU's fw_cfg file etc/table-loader.
 */
export const acpiLoader = `
; EDI = ECX bytes of RAM that no system uses, EAX the alignment; below the top of RAM, or in the runtime segment when DL
; is 2; CF when there is no room
allocate:
  push eax
  push ebx
  mov ebx, eax
  neg ebx
  cmp dl, 2
  je .runtime
  mov edi, [P_HIGH_TOP]
  sub edi, ecx
  jc .none
  and edi, ebx
  cmp edi, 0x180000
  jb .none
  mov [P_HIGH_TOP], edi
  jmp .clear
.runtime:
  mov edi, [P_FSEG]
  lea edi, [edi+eax-1]
  and edi, ebx
  lea eax, [edi+ecx]
  cmp eax, fseg_pool_end
  ja .none
  mov [P_FSEG], eax
.clear:
  clc
  jmp .ret
.none:
  stc
.ret:
  pop ebx
  pop eax
  ret

; adds ECX bytes at ESI: AL
checksum:
  push ecx
  push esi
  xor al, al
.next:
  add al, [esi]
  inc esi
  dec ecx
  jnz .next
  pop esi
  pop ecx
  ret

; --- the loader script: commands of 128 bytes ---
load_tables:
  mov esi, name_loader
  mov edi, P_SCRIPT
  mov edx, 0xff80
  call fw_load
  jc .ret
  mov ebx, P_SCRIPT
  lea ebp, [ebx+ecx-127]
.next:
  cmp ebx, ebp
  jae .ret
  mov eax, [ebx]
  cmp eax, 1
  je .allocate
  cmp eax, 2
  je .pointer
  cmp eax, 3
  je .checksum
.done:
  add ebx, 128
  jmp .next
.ret:
  ret
; file name at 4, alignment at 60, zone at 64
.allocate:
  lea esi, [ebx+4]
  call fw_find
  jc .done
  cmp dword [P_RECORDS], 256
  jae .done
  push eax
  mov eax, [ebx+60]
  mov dl, [ebx+64]
  call allocate
  pop eax
  jc .done
  call fw_read
  mov edx, edi
  mov edi, [P_RECORDS]
  inc dword [P_RECORDS]
  shl edi, 6
  add edi, P_RECORD
  mov [edi+56], edx
  mov [edi+60], ecx
  mov ecx, 14
  rep movsd
  jmp .done
; at 116 of file 4 the address of file 60 is added, in as many bytes as 120 says
.pointer:
  lea esi, [ebx+60]
  call .record
  jc .done
  mov eax, [edi+56]
  lea esi, [ebx+4]
  call .record
  jc .done
  mov edx, [ebx+116]
  movzx ecx, byte [ebx+120]
  add ecx, edx
  jc .done
  cmp ecx, [edi+60]
  ja .done
  add edx, [edi+56]
  mov cl, [ebx+120]
  cmp cl, 4
  je .dword
  ja .qword
  cmp cl, 2
  jne .done
  add [edx], ax
  jmp .done
.qword:
  add [edx], eax
  adc dword [edx+4], 0
  jmp .done
.dword:
  add [edx], eax
  jmp .done
; at 60 of file 4 the sum from 64 on, of the length at 68
.checksum:
  lea esi, [ebx+4]
  call .record
  jc .done
  mov eax, [edi+60]
  cmp [ebx+60], eax
  jae .done
  mov esi, [ebx+64]
  mov ecx, [ebx+68]
  lea edx, [esi+ecx]
  cmp edx, eax
  ja .done
  jecxz .done_near
  add esi, [edi+56]
  call checksum
  mov edx, [ebx+60]
  add edx, [edi+56]
  sub [edx], al
.done_near:
  jmp .done
; EDI = the record of the file with the name at ESI; CF
.record:
  push ecx
  mov ecx, [P_RECORDS]
  mov edi, P_RECORD
.look:
  jecxz .none
  push esi
  push edi
  call same_name
  pop edi
  pop esi
  je .found
  add edi, 64
  dec ecx
  jmp .look
.found:
  pop ecx
  clc
  ret
.none:
  pop ecx
  stc
  ret
name_loader:
  db 'etc/table-loader', 0
`;
