"""Trials of image/test that want a box of their own: the plug pulled at random moments, Secure Boot, the TPM."""
import hashlib
import json
import os
import random
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.request

import qemu

# Keys of Debian's firmware for tests, which everybody has; see the README beside them.
SNAKEOIL = "/usr/share/ovmf/PkKek-1-snakeoil"


def say(words):
    print(words, flush=True)


def power_cuts(machine, folder):
    """The plug is pulled at random moments of the first start, of an update, and of normal running. The box always comes up, the
    journal is whole, and holds all that stood there before."""
    seed, cuts = int(os.environ.get("BRANCHLINE_SEED", "1")), int(os.environ.get("BRANCHLINE_CUTS", "3"))
    phases = [PHASES[name] for name in os.environ.get("BRANCHLINE_CUT_IN", ",".join(PHASES)).split(",")]
    dice, each = random.Random(seed), cuts // len(phases)
    parts = [cuts - each * (len(phases) - 1)] + [each] * (len(phases) - 1)
    box = qemu.Machine(os.path.join(folder, f"power{seed}"), machine.image)
    box.new()
    calm = box.start().answered()
    box.wait_for("healthy")
    box.cut()
    made = os.path.join(box.folder, "made.img")
    subprocess.run(["cp", "--sparse=always", box.disk, made], check=True)
    for phase, count in zip(phases, parts):
        begun = time.monotonic()
        phase(box, dice, count, calm, made, folder)
        if count:
            say(f"power: {count} cuts in {phase.__name__.replace('_', ' ')} (seed {seed}, {time.monotonic() - begun:.0f} s), and it came up each time")


def comes_up(box):
    """The start behind the last cut, left alone: everything is there."""
    box.start()
    took = box.answered()
    box.wait_for("healthy")
    whole(box)
    return took


def whole(box, trial="power"):
    """What every start up to now said of the journal."""
    with open(os.path.join(box.folder, "console.log"), errors="replace") as log:
        said = [line.strip() for line in log if "journal: " in line]
    bad = [line for line in said if "BROKEN" in line or "DAMAGED" in line]
    if bad or not said:
        raise qemu.Failed(f"the journal: {bad[:3] or 'no start looked'}")
    say(f"{trial}: journal looked at {len(said)} times; the last: {said[-1][said[-1].index('journal: '):]}")


def first_start(box, dice, count, calm, _, __):
    """Each fifth cut meets a box that comes from the factory; those between, one that was cut before."""
    for number in range(count):
        if number % 5 == 0:
            if number:
                comes_up_twice(box)
            box.new()
        box.start()
        time.sleep(dice.uniform(3, calm))
        box.cut()
    if count:
        comes_up_twice(box)


def comes_up_twice(box):
    """A first start has no journal to look at: the one behind it has."""
    comes_up(box)
    box.cut()
    comes_up(box)
    box.cut()
    if "journal: whole" not in box.said():
        raise qemu.Failed("the second start found no journal of the first")


def update(box, dice, count, calm, made, folder):
    """With a stick in the box: cut while the other slot is written, or the new version comes up."""
    good = os.path.join(folder, "power-good")
    shutil.copytree(os.path.join(folder, "good"), good, dirs_exist_ok=True)
    with open(os.path.join(good, "options"), "w") as options:
        options.write("--tries 9 --again")
    stick = qemu.stick(os.path.join(folder, "power.stick"), good)
    for number in range(count):
        if number % 4 == 0:
            subprocess.run(["cp", "--sparse=always", made, box.disk], check=True)
        box.start()
        box.wait_for(": healthy")
        if "version 1: healthy" in box.said():
            box.plug(stick)
        # Written, read back, and started from, it takes about twice a start.
        time.sleep(dice.uniform(0, calm * 1.5))
        box.cut()
    if count:
        comes_up(box)
        box.cut()


def running(box, dice, count, *_):
    """While calls come."""
    for _ in range(count):
        box.start()
        box.answered()
        calls = threading.Thread(target=call, args=(box,), daemon=True)
        calls.start()
        time.sleep(dice.uniform(0, 12))
        box.cut()
        calls.join()
    if count:
        comes_up(box)
        box.cut()


def call(box):
    """A call that the power cut may end."""
    try:
        qemu.ivr_call(box, talk=3, heard=False)
    except qemu.Failed:
        pass


PHASES = {"first-start": first_start, "update": update, "running": running}


def secure_boot(machine, folder):
    """With keys in the firmware: what they signed starts, what nobody signed does not."""
    box = qemu.Machine(os.path.join(folder, "secure"), f"{folder}/signed/branchline_1.img", secure=True)
    box.start()
    took = box.answered()
    box.wait_for("Secure Boot: on")
    say(f"secure: a signed image started under Secure Boot; OPTIONS answered {took:.1f} s after power on")
    box.cut()
    # The signed loader, and a kernel that nobody signed.
    at = f"{box.disk}@@{1 << 20}"
    kernel = os.path.join(os.path.dirname(machine.image), "branchline_1.efi")
    subprocess.run(["mcopy", "-o", "-i", at, kernel, "::EFI/Linux/branchline_1.efi"], check=True)
    box.start()
    box.wait_for("Access Denied")
    say(f"secure: a kernel that nobody signed was refused {box.since():.1f} s after power on: Access Denied")
    box.cut()
    # A loader that nobody signed.
    box.new()
    subprocess.run(["mcopy", "-o", "-i", at, "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "::EFI/BOOT/BOOTX64.EFI"], check=True)
    box.start()
    box.wait_for("Access Denied")
    say("secure: a boot loader that nobody signed was refused too")
    box.cut()


def tpm(machine, folder):
    """The key to the data is in the TPM: it starts without a word. With another TPM it does not, says so, and takes the recovery key."""
    box = qemu.Machine(os.path.join(folder, "tpm"), machine.image, tpm=True)
    box.start()
    box.wait_for("the key is in the TPM of this box")
    box.wait_for("RECOVERY KEY of this box")
    box.wait_for("credential: made")
    box.answered()
    key = recovery_key(box.said())
    box.cut()
    box.start()
    took = box.answered()
    box.wait_for("credential: opened, round trip")
    say(f"tpm: data sealed to it and a credential's round trip; OPTIONS answered {took:.1f} s after power on, nothing typed")
    box.cut()
    shutil.rmtree(os.path.join(box.folder, "tpm"))
    box.start()
    box.wait_for("Please type the recovery key")
    say(f"tpm: with another one the data stay shut: the console asks for the recovery key {box.since():.1f} s after power on")
    box.type("wrong\r")
    mark = len(box.console)
    box.wait_for("that is not the recovery key")
    box.wait_behind(mark, "Please type the recovery key")
    box.type(key + "\r")
    box.wait_for("this TPM opens them from now on")
    box.answered()
    box.wait_for("credential: does not open")
    box.cut()
    box.start()
    say(f"tpm: opened by the recovery key, sealed anew; OPTIONS answered {box.answered():.1f} s after the next power on")
    box.cut()


def modem(machine, folder):
    """A modem at the USB socket: found, named, a text comes in and one goes out; it answers no more, its socket's power is cut,
    and it works again."""
    line = os.path.join(folder, "modem")
    played = subprocess.Popen([os.environ["BRANCHLINE_MODEM"], line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    heard = []
    threading.Thread(target=lambda: heard.extend(iter(played.stdout.readline, "")), daemon=True).start()
    qemu.wait(lambda: "ready\n" in heard, 20, "the simulated modem does not start")
    box = qemu.Machine(os.path.join(folder, "modem-box"), machine.image, more=[
        "-chardev", f"serial,id=modem,path={os.path.realpath(line)}", "-device", "usb-serial,bus=usb.0,chardev=modem"])
    try:
        box.start()
        box.wait_for("modem: front ready")
        found = box.since()
        say(f"modem: found {found:.1f} s after power on, named {box.word_behind('modem: line ')}")
        api = Api(box, box.word_behind("token: "))
        played.stdin.write("+15550001 Is the bicycle ready?\n")
        qemu.wait(lambda: api.has("/conversations?limit=20", "+15550001"), 60, "the text is in no conversation", box)
        talk = next(one for one in api.get("/conversations?limit=20")["items"] if one["way"]["address"] == "+15550001")
        if not api.has(f"/conversations/{talk['conversation']}/messages?limit=20", "Is the bicycle ready?"):
            raise qemu.Failed("the text came without its words")
        api.post("/messages", {"channel": "sms", "to": "+15550001", "text": "It is.", "purpose": "code"})
        qemu.wait(lambda: "sent +15550001\n" in heard, 60, "the modem was given nothing to send", box)
        say("modem: a text came in and stands in its conversation; one went out to the network")
        # It hears nothing, not even orders to begin anew: the unit that is bound to it is asked to cut its power.
        played.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        box.wait_for("was without power for a moment", within=400)
        socket = re.search(r"its socket (\S+) was without", box.said())[1]
        say(f"modem: socket {socket} was without power for a moment, {time.monotonic() - stopped:.1f} s after the modem fell silent")
        played.send_signal(signal.SIGCONT)
        played.stdin.write("+15550002 And the bell?\n")
        qemu.wait(lambda: api.has("/conversations?limit=20", "+15550002"), 120, "nothing comes in after the power was cut", box)
        say("modem: found again, and the next text came in")
    finally:
        box.cut()
        played.send_signal(signal.SIGCONT)
        played.stdin.close()
        played.wait()


def twin(machine, folder):
    """Another box's disk, with all that one knows, hangs on a USB socket when a new box starts: the new one has a disk of its own,
    and not a byte of the other's changes."""
    other = qemu.Machine(os.path.join(folder, "other-box"), machine.image)
    other.start().answered()
    other.wait_for("healthy")
    other.cut()
    before = checksum(other.disk)
    box = qemu.Machine(os.path.join(folder, "twin-box"), machine.image, more=[
        "-drive", f"if=none,id=other,format=raw,file={other.disk}", "-device", "usb-storage,bus=usb.0,drive=other"])
    for start in ("first", "second"):
        took = box.start().answered()
        box.wait_for("healthy")
        box.cut()
        if checksum(other.disk) != before:
            raise qemu.Failed(f"the {start} start wrote to the other box's disk")
        say(f"twin: OPTIONS answered {took:.1f} s after the {start} power on, and the other box's disk is as it was")


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Api:
    """The box's own API, with the token that its console shows in the test."""

    def __init__(self, box, token):
        self.base, self.token = f"https://127.0.0.1:{box.https}/api/v1", token
        self.trust = ssl.create_default_context()
        # The box's certificate is its own, made at the first start.
        self.trust.check_hostname, self.trust.verify_mode = False, ssl.CERT_NONE

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30, context=self.trust) as reply:
            return json.load(reply)

    def get(self, path):
        return self._ask("GET", path)

    def post(self, path, body):
        return self._ask("POST", path, body)

    def has(self, path, words):
        """Whether these words stand in the answer; an answer that is late is asked for again."""
        try:
            return words in json.dumps(self.get(path))
        except OSError:
            return False


def recovery_key(console):
    """The line of eight groups that stands below its title."""
    for line in console.split("RECOVERY KEY of this box")[1].splitlines():
        if line.count("-") == 7:
            return line.strip()
    raise qemu.Failed("no recovery key on the console")


def signing_key(folder):
    """The test firmware's key without its pass phrase, which is its name."""
    key = os.path.join(folder, "snakeoil.key")
    subprocess.run(["openssl", "rsa", "-in", SNAKEOIL + ".key", "-passin", "pass:snakeoil", "-out", key], check=True, stderr=subprocess.DEVNULL)
    return key, SNAKEOIL + ".pem"
