/** SMBIOS tables that fw_cfg brings, in place of our own (smbios.ts). [SMBIOS] 3.4, 5.2. */
export const smbiosLoader = `
load_smbios:
  mov esi, name_smbios_anchor
  mov edi, P_TEXT
  mov edx, 32
  call fw_load
  jc .ret
  mov esi, name_smbios
  call fw_find
  jc .ret
  push eax
  mov eax, 16
  mov dl, 1
  call allocate
  pop eax
  jc .ret
  call fw_read
  mov ebx, edi
  mov ecx, 32
  mov eax, 16
  mov dl, 2
  call allocate
  jc .ret
  mov dword [smbios_anchor], 0  ; not our own
  push edi
  mov esi, P_TEXT
  mov ecx, 8
  rep movsd
  pop edi
  mov esi, edi
  cmp dword [edi], 0x334d535f   ; "_SM3"
  je .version3
  mov [edi+0x18], ebx
  mov byte [edi+0x15], 0
  mov byte [edi+4], 0
  add esi, 0x10
  mov ecx, 15
  call checksum
  sub [edi+0x15], al
  mov esi, edi
  movzx ecx, byte [edi+5]
  call checksum
  sub [edi+4], al
.ret:
  ret
.version3:
  mov [edi+0x10], ebx
  mov dword [edi+0x14], 0
  mov byte [edi+5], 0
  movzx ecx, byte [edi+6]
  call checksum
  sub [edi+5], al
  ret
name_smbios:
  db 'etc/smbios/smbios-tables', 0
name_smbios_anchor:
  db 'etc/smbios/smbios-anchor', 0
`;
