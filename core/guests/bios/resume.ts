/**
 * S3 resume: the machine was reset, its RAM is as the guest left it. The board's chips get back what a guest takes for
 * granted, everything else is the guest's to restore; then on to its waking vector, in real mode. All memory that is
 * used lies in what the memory map keeps from guests. [ACPI] 5.2.10 (FACS), 16.3 (waking).
 */

/** For the 32-bit part. Entered with RAM in place from C0000h on, running below 4 GiB. */
export const resume = `
resume:
  mov esi, 0xfffe0000
  mov edi, POST_LINEAR
  mov ecx, 0x4000               ; not the segment of services, which has tables that were loaded
  cld
  rep movsd
  mov eax, .low
  jmp eax
.low:
  mov esp, EBDA_LINEAR+STACK_TOP
  lgdt [low_gdtr]
  call start_mtrrs
  call start_apic
  call pci_resume
  mov eax, [EBDA_LINEAR+FACS]
  test eax, eax
  jz .boot
  mov edx, [eax+12]             ; firmware waking vector
  test edx, edx
  jz .boot
  cmp edx, 0x100000
  jae .boot
  mov ecx, edx
  and edx, 15
  and ecx, 0xffff0
  shl ecx, 12
  or edx, ecx                   ; segment and offset
  mov [EBDA_LINEAR+RESUME_AT], edx
  mov eax, 0x20
  mov ds, ax
  mov es, ax
  mov ss, ax
  jmp far 0x18:resume16
.boot:
  jmp post_start

; what the chips of bus 0 need
pci_resume:
  mov ebx, 0x80000000
.next:
  xor ecx, ecx
  call pci_read
  call pci_chip
  add ebx, 0x100
  test ebx, 0xff00
  jnz .next
  ret

; the FACS, by RSDP, RSDT and FADT
find_facs:
  mov esi, name_rsdp
  call load_tables.record
  jc .ret
  mov eax, [edi+56]
  mov ebx, [eax+16]
  mov ebp, ebx
  add ebp, [ebx+4]
  add ebx, 36
.next:
  cmp ebx, ebp
  jae .ret
  mov eax, [ebx]
  add ebx, 4
  cmp dword [eax], 0x50434146   ; "FACP"
  jne .next
  mov eax, [eax+36]
  mov [EBDA_LINEAR+FACS], eax
.ret:
  ret
name_rsdp:
  db 'etc/acpi/rsdp', 0
`;

/** For the segment of services: from 16-bit protected mode to the guest. */
export const resume16 = `
resume16:
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  jmp far 0xf000:.real
.real:
  xor ax, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ax, EBDA_SEGMENT
  mov ss, ax
  mov sp, STACK_TOP
  mov ds, ax
  o32 lidt [cs:real_idt]
  call start_pics
  jmp far [RESUME_AT]
`;
