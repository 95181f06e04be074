"""Trials of image/test that a person at the box would make: set it up with a stick, have it back itself up, put it back as it came."""
import os
import re
import shutil
import ssl
import time
import urllib.request

import qemu

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def say(words):
    print(words, flush=True)


def folder_with(path, files):
    """A folder with these files, for a stick."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for name, text in files.items():
        with open(os.path.join(path, name), "w") as file:
            file.write(text)
    return path


def sets_up(_, folder):
    """A box out of the carton shows its code on the serial line, refuses a wrong sheet by its line, takes a good one, and keeps it."""
    box = qemu.Machine(os.path.join(folder, "factory-box"), f"{folder}/factory/branchline_1.img")
    box.start()
    box.wait_for(f"lan0 is {box.card}")
    box.wait_for("Not set up yet. Open https://10.0.2.15:8443/setup")
    seen = box.since()
    qemu.wait(lambda: re.search(r"\b\w{4}-\w{4}-\w{4}\b", box.said()), 30, "there is no set-up code on the console", box)
    say(f"setup: the console shows address and set-up code {seen:.1f} s after power on")
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    # From the branch's own network, through the box's firewall.
    with urllib.request.urlopen(f"https://127.0.0.1:{box.https}/setup", timeout=60, context=trust) as page:
        if "Set-up code" not in page.read().decode():
            raise qemu.Failed("the set-up page does not ask for the code")
    say(f"setup: the page is served in the branch's network {box.since():.1f} s after power on")
    with open(f"{TOP}/firmware-config/stick/small-office.toml") as sheet:
        good = sheet.read()
    wrong = qemu.stick(f"{folder}/wrong.stick", folder_with(f"{folder}/wrong", {"site.toml": good.replace("[trunk]", "[trunks]")}), "BL-SITE")
    mark = box.plug(wrong)
    box.wait_behind(mark, "The stick was not taken")
    box.wait_behind(mark, "did you mean `trunk`")
    box.unplug()
    right = qemu.stick(f"{folder}/right.stick", folder_with(f"{folder}/right", {"site.toml": good}), "BL-SITE")
    begun, mark = box.since(), box.plug(right)
    box.wait_behind(mark, "   Small office")
    say(f"setup: a wrong sheet was refused by its line, the right one in force {box.since() - begun:.1f} s after it was plugged in")
    box.cut()
    with open(right, "rb") as stick:
        told = b"The box is set up." in stick.read()
    if not told:
        raise qemu.Failed("the stick does not say what came of it")
    box.start()
    box.wait_for("   Small office")
    if "Not set up yet" in box.said():
        raise qemu.Failed("a box that is set up shows a code")
    if "lan0 is" in box.said():
        raise qemu.Failed("the card was given a name again")
    say("setup: behind a power cut it is what it was set up to be, and shows no code")
    box.cut()
    # Its disk in another machine.
    box.card = "52:54:00:65:43:21"
    box.start()
    box.wait_for(f"lan0 is {box.card}")
    box.wait_for("   Small office")
    box.type("n\r")
    own = r"lan0 +cable .*192\.168\.10\.2 .*192\.0\.2\.1\b"
    qemu.wait(lambda: re.search(own, box.said()), 60, "lan0 has not the sheet's address and the rescue address", box)
    say(f"setup: in another machine its card is lan0 too, with the sheet's address and the rescue address, {box.since():.1f} s after power on")
    box.cut()


def button(machine, folder):
    """A key that is held for less than ten seconds does nothing; held for longer, it puts the box back."""
    box = qemu.Machine(os.path.join(folder, "button-box"), machine.image)
    box.start()
    box.answered()
    box.wait_for("   Image under test")
    box.monitor("sendkey shift 4000")
    # As long as the whole ten seconds would have taken, and some more.
    time.sleep(13)
    if "no key opens" in box.said():
        raise qemu.Failed("a key that was held for four seconds reset the box")
    begun, mark = box.since(), len(box.console)
    box.monitor("sendkey shift 12000")
    box.wait_behind(mark, "no key opens what was on the disk any more")
    held = box.since() - begun
    if held < 10:
        raise qemu.Failed(f"the box was reset {held:.1f} s after the key went down")
    box.wait_behind(mark, "first start: making the data partition")
    box.answered()
    say(f"button: four seconds did nothing; reset {held:.1f} s after the key went down, an empty box answers after {box.since() - begun:.1f} s")
    box.cut()


def reset(machine, folder):
    """A disk that is named BL-BACKUP gets a backup. The word on the serial line puts the box back; the site chose that nothing is kept."""
    box = qemu.Machine(os.path.join(folder, "reset-box"), machine.image)
    box.start()
    box.answered()
    disk = qemu.stick(f"{folder}/backup.stick", folder_with(f"{folder}/backup-disk", {"mine.txt": "stays"}), "BL-BACKUP")
    mark = box.plug(disk)
    box.wait_behind(mark, "backup: branchline-image-under-test-")
    say("reset: the backup disk was found, and has a backup")
    box.unplug()
    box.wait_for("   Image under test")
    box.type("f\r")
    box.wait_for("Type RESET and Enter to do it")
    begun, mark = box.since(), len(box.console)
    box.type("RESET\r")
    box.wait_behind(mark, "no key opens what was on the disk any more")
    gone = box.since() - begun
    box.wait_behind(mark, "first start: making the data partition")
    box.wait_behind(mark, "journal: none yet")
    box.answered()
    say(f"reset: keys destroyed {gone:.1f} s after the word was typed; an empty box answers after {box.since() - begun:.1f} s")
    box.cut()
