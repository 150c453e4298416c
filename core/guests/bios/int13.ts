/**
 * INT 13h: floppies, hard disks, CDs. [PS2] INT 13h for cylinders, heads and sectors; [EDD] for functions 41h to 48h.
 * DS = EBDA, SI = the drive's entry in all that follows.
 */
import type { Listing } from './listing.ts';
import { dispatch, serviceOnOwnStack } from './service.ts';

/** The parameter table of a 1.44-MB floppy, INT 1Eh. [PS2] "Diskette parameter table". */
export function disketteTable(p: Listing): void {
  p.bind('diskette_table');
  p.bytes(0xdf, 0x02, 37, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 15, 8);
}

export const int13 = `
${serviceOnOwnStack('int13')}
int13_service:
  sti
  cmp byte [EMU_ACTIVE], 0
  je .real
  mov al, [bp+F_DL]
  cmp al, [EMU_DRIVE]
  je emulated_disk
  xor al, [EMU_DRIVE]
  js .real
  mov al, [bp+F_DL]
  cmp al, 0x88
  jae .real
  dec al                        ; the emulated drive has taken the first number
  jmp .number
.real:
  mov al, [bp+F_DL]
.number:
  call find_drive
  jc .no_drive
int13_drive:
${dispatch(
  {
    0: 'int13_reset',
    1: 'int13_last_status',
    2: 'int13_transfer',
    3: 'int13_transfer',
    4: 'int13_transfer',
    5: 'int13_format',
    8: 'int13_parameters',
    9: 'int13_ok',
    12: 'int13_ok',
    13: 'int13_reset',
    16: 'int13_ok',
    17: 'int13_ok',
    20: 'int13_ok',
    21: 'int13_type',
    22: 'int13_changed',
    23: 'int13_ok',
    24: 'int13_set_media',
    65: 'edd_present',
    66: 'edd_transfer',
    67: 'edd_transfer',
    68: 'edd_transfer',
    69: 'edd_lock',
    70: 'edd_eject',
    71: 'edd_seek',
    72: 'edd_parameters',
    73: 'int13_changed',
    75: 'eltorito_status',
    78: 'edd_hardware',
  },
  'int13_bad_command',
)}
int13_service.no_drive:
  cmp byte [bp+F_AH], 0x15
  je .type_none
  cmp byte [bp+F_AH], 0x08
  jne int13_bad_command
  mov word [bp+F_CX], 0
  mov word [bp+F_DX], 0
  mov al, [DISK_COUNT]
  mov [bp+F_DL], al
  jmp int13_bad_command
.type_none:
  mov byte [bp+F_AH], 0
  jmp int13_no_carry

int13_bad_command:
  mov ah, 1
; ends with status AH
int13_fail:
  mov [bp+F_AH], ah
  or byte [bp+F_FLAGS], CF
  jmp int13_note
int13_ok:
  mov ah, 0
  mov [bp+F_AH], ah
int13_no_carry:
  and byte [bp+F_FLAGS], ~CF & 0xff
int13_note:
  push ds
  mov bx, BDA
  mov ds, bx
  cmp byte [bp+F_DL], 0x80
  jae .disk
  mov [FD_STATUS], ah
  pop ds
  ret
.disk:
  mov [HD_STATUS], ah
  pop ds
  ret
int13_last_status:
  push ds
  mov bx, BDA
  mov ds, bx
  mov ah, [FD_STATUS]
  cmp byte [bp+F_DL], 0x80
  jb .there
  mov ah, [HD_STATUS]
.there:
  pop ds
  mov [bp+F_AH], ah
  cmp ah, 0
  je int13_no_carry
  or byte [bp+F_FLAGS], CF
  ret
int13_reset:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  jne int13_ok
  call floppy_reset
  jmp int13_result
; ends with CF and status AH, as the drivers give them
int13_result:
  jc int13_fail
  jmp int13_ok

; SI = entry of BIOS drive AL; CF when there is none
find_drive:
  mov bx, FLOPPY_MAP
  mov ah, [FLOPPY_COUNT]
  cmp al, 0x80
  jb .look
  sub al, 0x80
  mov bx, DISK_MAP
  mov ah, [DISK_COUNT]
  cmp al, 0x60
  jb .look
  sub al, 0x60
  mov bx, CD_MAP
  mov ah, [CD_COUNT]
.look:
  cmp al, ah
  cmc
  jc .none
  xlat
  jmp drive_entry
.none:
  ret
; SI = entry of index AL
drive_entry:
  movzx si, al
  shl si, 6
  add si, DRIVES
  clc
  ret

; cylinder, head, sector of the caller to RQ_LBA; CF when they are none
chs_to_lba:
  mov al, [bp+F_CL]
  movzx ecx, al
  and cl, 0x3f
  jz .bad
  movzx ebx, word [si+D_SPT]
  cmp cx, bx
  ja .bad
  dec cx
  xor ah, ah
  shl ax, 2                     ; high bits of the cylinder
  mov al, [bp+F_CH]
  cmp ax, [si+D_CYLINDERS]
  jae .bad
  movzx edx, word [si+D_HEADS]
  movzx eax, ax
  movzx edi, byte [bp+F_DH]
  cmp di, dx
  jae .bad
  mul edx
  add eax, edi
  mul ebx
  add eax, ecx
  mov [RQ_LBA], eax
  mov dword [RQ_LBA+4], 0
  clc
  ret
.bad:
  stc
  ret

int13_transfer:
  movzx ax, byte [bp+F_AL]
  mov [RQ_COUNT], ax
  mov bl, [bp+F_AH]
  sub bl, 2
  mov [RQ_OP], bl
  mov bx, [bp+F_BX]
  mov [RQ_OFFSET], bx
  mov bx, [bp+F_ES]
  mov [RQ_SEGMENT], bx
  mov byte [bp+F_AL], 0
  dec ax
  cmp ax, 128
  jae int13_bad_command
  call chs_to_lba
  jc int13_bad_command
  call transfer
  mov bl, [RQ_DONE]
  mov [bp+F_AL], bl
  jmp int13_result

int13_format:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  jne int13_bad_command
  call floppy_format
  jmp int13_result

int13_parameters:
  cmp byte [si+D_TYPE], TYPE_ATAPI
  je int13_bad_command
  cmp byte [si+D_TYPE], TYPE_AHCI_CD
  je int13_bad_command
  mov ax, [si+D_CYLINDERS]
  dec ax
  mov [bp+F_CH], al
  shl ah, 6
  or ah, [si+D_SPT]
  mov [bp+F_CL], ah
  mov al, [si+D_HEADS]
  dec al
  mov [bp+F_DH], al
  mov byte [bp+F_AL], 0
  cmp byte [bp+F_DL], 0x80
  jb .floppy
  mov al, [DISK_COUNT]
  call .emulated
  mov [bp+F_DL], al
  jmp int13_ok
.floppy:
  mov al, [FLOPPY_COUNT]
  call .emulated
  mov [bp+F_DL], al
  mov al, [si+D_UNIT]
  shr al, 4
  mov [bp+F_BX], al
  mov byte [bp+F_BH], 0
  mov [bp+F_ES], cs
  mov word [bp+F_DI], diskette_table
  jmp int13_ok
; AL and one, when an emulated drive is of the same kind
.emulated:
  cmp byte [EMU_ACTIVE], 0
  je .ret
  mov ah, [EMU_DRIVE]
  xor ah, [bp+F_DL]
  js .ret
  inc al
.ret:
  ret

int13_type:
  mov byte [bp+F_AH], 2         ; a floppy that notices a change
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je int13_no_carry
  cmp word [si+D_SECTOR_BYTES], 512
  jne int13_bad_command
  mov byte [bp+F_AH], 3
  mov ax, [si+D_CYLINDERS]
  mul word [si+D_HEADS]
  movzx ecx, word [si+D_SPT]
  shl edx, 16
  mov dx, ax
  mov eax, edx
  mul ecx
  mov [bp+F_DX], ax
  shr eax, 16
  mov [bp+F_CX], ax
  jmp int13_no_carry
int13_changed:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  jne int13_ok
  call floppy_changed
  jmp int13_result
int13_set_media:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  jne int13_bad_command
  mov [bp+F_ES], cs
  mov word [bp+F_DI], diskette_table
  jmp int13_ok

; --- EDD ---
edd_present:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je int13_bad_command
  cmp word [bp+F_BX], 0x55aa
  jne int13_bad_command
  mov word [bp+F_BX], 0xaa55
  mov word [bp+F_CX], 7         ; extended access, locking and ejecting, EDD
  mov byte [bp+F_AH], 0x30
  jmp int13_no_carry

; the packet at DS:SI of the caller: ES:DI; its LBA and count to the request; CF when it is none
edd_packet:
  mov es, [bp+F_DS]
  mov di, [bp+F_SI]
  cmp byte [es:di], 16
  jb .bad
  mov eax, [es:di+8]
  mov [RQ_LBA], eax
  mov edx, [es:di+12]
  mov [RQ_LBA+4], edx
  mov cx, [es:di+2]
  mov [RQ_COUNT], cx
  movzx ecx, cx
  add eax, ecx
  adc edx, 0
  jc .bad
  cmp edx, [si+D_SECTORS+4]
  jb .fine
  ja .bad
  cmp eax, [si+D_SECTORS]
  ja .bad
.fine:
  clc
  ret
.bad:
  stc
  ret

edd_transfer:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je int13_bad_command
  call edd_size
  call edd_packet
  jc .bad_packet
  mov al, [bp+F_AH]
  sub al, 0x42
  mov [RQ_OP], al
  mov eax, [es:di+4]
  cmp eax, -1
  jne .segmented
  ; a flat address, if it is one of the first MiB
  cmp byte [es:di], 24
  jb .bad_packet
  mov eax, [es:di+16]
  cmp eax, 0x100000
  jae .bad_packet
  mov ebx, eax
  and ebx, 15
  shl eax, 12
  mov ax, bx
.segmented:
  mov [RQ_OFFSET], eax
  push es
  push di
  call transfer
  pop di
  pop es
  mov bx, [RQ_DONE]
  mov [es:di+2], bx
  jmp int13_result
.bad_packet:
  mov es, [bp+F_DS]
  mov di, [bp+F_SI]
  mov word [es:di+2], 0
  jmp int13_bad_command
edd_seek:
  call edd_size
  call edd_packet
  jc int13_bad_command
  jmp int13_ok
; a CD's size is asked each time: another may be in the drive
edd_size:
  cmp word [si+D_SECTOR_BYTES], 2048
  jne .ret
  call cd_capacity
.ret:
  ret

edd_lock:
  cmp byte [bp+F_AL], 2
  mov byte [bp+F_AL], 0
  ja int13_bad_command
  jmp int13_ok
edd_eject:
  cmp word [si+D_SECTOR_BYTES], 2048
  mov ah, 0xb2                  ; not removable
  jne int13_fail
  call cd_eject
  jmp int13_result
; PIO modes, DMA, prefetch: any of them is accepted
edd_hardware:
  mov byte [bp+F_AL], 0
  cmp word [si+D_SECTOR_BYTES], 512
  jne int13_bad_command
  jmp int13_ok

edd_parameters:
  cmp byte [si+D_TYPE], TYPE_FLOPPY
  je int13_bad_command
  call edd_size
  mov es, [bp+F_DS]
  mov di, [bp+F_SI]
  mov cx, [es:di]
  cmp cx, 26
  jb int13_bad_command
  xor eax, eax
  mov word [es:di+2], 2         ; geometry is valid
  movzx eax, word [si+D_PCYLINDERS]
  mov [es:di+4], eax
  mov ax, [si+D_PHEADS]
  mov [es:di+8], eax
  mov ax, [si+D_PSPT]
  mov [es:di+12], eax
  mov eax, [si+D_SECTORS]
  mov [es:di+16], eax
  mov eax, [si+D_SECTORS+4]
  mov [es:di+20], eax
  mov ax, [si+D_SECTOR_BYTES]
  mov [es:di+24], ax
  cmp ax, 512
  je .disk
  mov word [es:di+2], 0x74      ; removable, can be locked, tells changes; no geometry
.disk:
  mov word [es:di], 26
  cmp cx, 30
  jb int13_ok
  mov word [es:di], 30
  mov dword [es:di+26], -1      ; no device parameter table extension
  cmp cx, 66
  jb int13_ok
  ; [EDD] device path information
  mov word [es:di], 66
  push di
  add di, 30
  mov ax, 0xbedd                ; key
  stosw
  mov eax, 36                   ; length
  stosd
  mov eax, 0x20494350           ; "PCI "
  stosd
  mov eax, 0x20415441           ; "ATA     "
  cmp byte [si+D_TYPE], TYPE_ATAPI
  jne .ata
  mov eax, 0x50415441           ; "ATAPI   "
.ata:
  cmp byte [si+D_TYPE], TYPE_AHCI
  jb .interface
  mov eax, 0x41544153           ; "SATA    "
.interface:
  stosd
  mov eax, 0x20202020
  cmp byte [si+D_TYPE], TYPE_ATAPI
  jne .padded
  mov al, 'I'
.padded:
  stosd
  mov bx, [si+D_BDF]
  mov al, bh                    ; bus
  stosb
  mov al, bl
  shr al, 3
  stosb                         ; device
  mov al, bl
  and al, 7
  stosb                         ; function
  mov al, [si+D_CHANNEL]
  stosb
  xor eax, eax
  stosd
  mov al, [si+D_SLAVE]
  cmp byte [si+D_TYPE], TYPE_AHCI
  jb .path
  mov al, [si+D_CONTROL]
.path:
  stosd
  xor eax, eax
  stosd
  stosw
  pop di
  ; the sum of bytes 30 to 65 is 0
  lea bx, [di+30]
  mov cx, 35
  xor al, al
.sum:
  add al, [es:bx]
  inc bx
  loop .sum
  neg al
  mov [es:bx], al
  jmp int13_ok
`;
