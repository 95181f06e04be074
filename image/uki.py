#!/usr/bin/env python3
"""Joins the stub, kernel, initrd and command line into one program for UEFI (a unified kernel image).

The initrd is written here too: cpio in the kernel's own form, in the order of names and with one time, so that the same
input makes the same bytes.
"""
import argparse
import os
import re
import subprocess

# Sections begin where this many bytes of memory can be mapped on their own.
PAGE = 4096


def cpio(folder, epoch):
    """A folder as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = bytearray()
    names = ["dev", "proc", "sys", "run", "root"]
    for place, folders, files in os.walk(folder):
        names += [os.path.relpath(os.path.join(place, name), folder) for name in folders + files]
    for number, name in enumerate(sorted(set(names)), 1):
        path = os.path.join(folder, name)
        data = b""
        mode = 0o40755
        if os.path.isfile(path):
            mode = 0o100755
            with open(path, "rb") as content:
                data = content.read()
        entry(out, number, name, mode, epoch, data)
    # What is printed before /dev is mounted goes here.
    entry(out, len(names) + 1, "dev/console", 0o20600, epoch, b"", device=(5, 1))
    entry(out, 0, "TRAILER!!!", 0, 0, b"")
    return bytes(out)


def entry(out, number, name, mode, epoch, data, device=(0, 0)):
    raw = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, epoch, len(data), 0, 0, *device, len(raw), 0]
    out += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    out += b"\0" * (-len(out) % 4)
    out += data
    out += b"\0" * (-len(out) % 4)


def join(stub, sections, out):
    said = subprocess.run(["objdump", "-h", "-w", stub], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines() if re.match(r"\s*\d+ \.", line)]
    at = max(int(row[3], 16) + int(row[2], 16) for row in rows)
    command = ["objcopy", "--enable-deterministic-archives"]
    for name, path in sections:
        at = -(-at // PAGE) * PAGE
        command += ["--add-section", f".{name}={path}", "--change-section-vma", f".{name}={at:#x}"]
        at += os.path.getsize(path)
    subprocess.run([*command, stub, out], check=True)
    without_time(out)


def without_time(path):
    """Takes out when it was made and the sum over it, which nobody checks: the same input makes the same program."""
    with open(path, "r+b") as program:
        program.seek(0x3C)
        header = int.from_bytes(program.read(4), "little")
        # COFF TimeDateStamp, and CheckSum of the optional header (PE format, Microsoft).
        for at in (header + 8, header + 24 + 64):
            program.seek(at)
            program.write(bytes(4))


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--stub", default="/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
    ask.add_argument("--parts", required=True)
    ask.add_argument("--init", required=True, help="the first program, static")
    ask.add_argument("--command-line", required=True)
    ask.add_argument("--os-release", help="what the boot loader sorts it by [that of the root]")
    ask.add_argument("--epoch", type=int, required=True)
    ask.add_argument("--out", required=True)
    asked = ask.parse_args()
    parts = asked.parts
    with open(asked.init, "rb") as program, open(f"{parts}/initrd/init", "wb") as copy:
        copy.write(program.read())
    os.chmod(f"{parts}/initrd/init", 0o755)
    with open(f"{parts}/initrd.cpio", "wb") as out:
        out.write(cpio(f"{parts}/initrd", asked.epoch))
    subprocess.run(["zstd", "-q", "-f", "--ultra", "-22", f"{parts}/initrd.cpio", "-o", f"{parts}/initrd.zst"], check=True)
    with open(f"{parts}/cmdline", "w") as out:
        out.write(asked.command_line)
    join(asked.stub, [
        ("osrel", asked.os_release or f"{parts}/os-release"), ("cmdline", f"{parts}/cmdline"), ("uname", f"{parts}/uname"),
        ("initrd", f"{parts}/initrd.zst"), ("linux", f"{parts}/vmlinuz"),
    ], asked.out)


if __name__ == "__main__":
    main()
