"""Trial of image/test with a box of its own: no version can be read from its disk, and a stick mends it."""
import os
import re
import subprocess
import time

import faults
import qemu

WORDS = "What to do: put a whole update"
WRITES = "is whole, and is being written"


def say(words):
    print(words, flush=True)


def updates(folder, update):
    """What its sticks hold: a whole version 1, and the same signed by a key that no box knows."""
    for name, key in (("whole", "key"), ("strange", "other")):
        subprocess.run([update, "--image", f"{folder}/image1", "--version", "1", "--key", f"{folder}/{key}.pem",
                        "--out", f"{folder}/{name}"], check=True)


def last_resort(machine, folder):
    """The root is spoiled while the box is off. It says so, refuses a stranger's stick, survives a cut while it writes, is mended."""
    box = qemu.Machine(os.path.join(folder, "recovery"), machine.image)
    before = used(box)
    spoil(box.disk)
    box.start()
    took = box.wait_for(WORDS, 3 * qemu.STARTS_WITHIN)
    said = box.said()
    if said.count("no slot holds the root") != 2 or "version 1 is damaged on the disk; recovery.efi has its turn" not in said:
        raise qemu.Failed(f"recovery came by another way:\n{said[-1500:]}")
    say(f"recovery: it says what to do {took:.1f} s after power on, behind two starts that ended at the spoiled root")
    strange = box.plug(qemu.stick(f"{folder}/strange.stick", f"{folder}/strange"))
    box.wait_behind(strange, "the update is not signed by a key of this box")
    box.unplug()
    say("recovery: a stick that another key signed is refused by these words")
    stick = qemu.stick(f"{folder}/whole.stick", f"{folder}/whole")
    cut_while_it_writes(box, stick)
    box.start()
    took = box.wait_for(WORDS)
    if "writing one was cut off" not in box.said():
        raise qemu.Failed(f"the cut is not named:\n{box.said()[-1500:]}")
    say(f"recovery: behind a cut while it wrote it is there again {took:.1f} s after power on, and says so")
    begun, mark = box.since(), box.plug(stick)
    box.wait_behind(mark, "is written and was read back")
    written = box.since() - begun
    box.wait_behind(mark, "version 1 from slot a")
    box.wait_behind(mark, "version 1: healthy")
    say(f"recovery: a whole version 1 written {written:.1f} s and healthy {box.since() - begun:.1f} s after the stick was plugged in")
    box.wait_behind(mark, "journal: ")
    faults.whole(box, "recovery")
    after = records(box)
    if after < before:
        raise qemu.Failed(f"the journal had {before} records, and now {after}")
    say(f"recovery: the journal of before is there: {before} records then, {after} now")
    box.cut()


def used(box):
    """A box that worked, twice: the second start says what the journal holds."""
    box.start()
    box.wait_for("version 1: healthy")
    box.answered()
    qemu.ivr_call(box, talk=3, heard=False)
    box.cut()
    box.start()
    box.wait_for("version 1: healthy")
    box.wait_for("journal: ")
    found = records(box)
    box.cut()
    return found


def records(box):
    """How many the last start found in the journal."""
    return int(re.findall(r"journal: .*?(\d+) record", box.said())[-1])


def spoil(path):
    """The first block of slot A."""
    with open(path, "r+b") as disk:
        disk.seek(qemu.SLOT_A)
        whole = disk.read(4096)
        disk.seek(qemu.SLOT_A)
        disk.write(bytes(byte ^ 0xFF for byte in whole))


def cut_while_it_writes(box, stick):
    """The plug is pulled when the old kernel is gone, and the new one is not there yet."""
    mark = box.plug(stick)
    box.wait_behind(mark, WRITES)
    time.sleep(1)
    box.cut()
    names = subprocess.run(["mdir", "-b", "-i", f"{box.disk}@@{1 << 20}", "::EFI/Linux"], check=True, capture_output=True, text=True).stdout
    if "branchline_" in names or "recovery.efi" not in names:
        raise qemu.Failed(f"the cut came too early or too late: {names}")
