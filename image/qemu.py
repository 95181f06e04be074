"""A box in QEMU: software emulation, UEFI, serial line on a socket, ports forwarded from loopback. Run it where there is no
network but loopback (`image/test` does): what the box sends to others ends there."""
import math
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M{}.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M{}.fd"
# In emulation a start takes under a minute; on a machine that others use, some.
STARTS_WITHIN = 240
# Where the slots begin on the disk, behind the table and what comes before them (image/layout).
SLOT_A = (1 + 128) << 20
SLOT_B = SLOT_A + ((256 + 16) << 20)


class Failed(Exception):
    """What was to be seen was not seen."""


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    """One box. Its disk and firmware variables are files of `folder`, which outlive it."""

    # All there are, so that none is left on.
    boxes = []

    def __init__(self, folder, image, secure=False, tpm=False, more=()):
        self.folder, self.image, self.secure, self.tpm, self.more = folder, image, secure, tpm, list(more)
        Machine.boxes.append(self)
        os.makedirs(folder, exist_ok=True)
        self.disk = os.path.join(folder, "disk.img")
        self.variables = os.path.join(folder, "vars.fd")
        if not os.path.exists(self.disk):
            self.new()
        # Its card's address from the maker.
        self.card = "52:54:00:12:34:56"
        self.sip, self.https = free_port(), free_port(socket.SOCK_STREAM)
        self.process = self.chip = None
        self.console = bytearray()

    def new(self, size_mb=2048):
        """As it comes out of the factory: the image on its disk, the firmware without a memory."""
        subprocess.run(["cp", "--sparse=always", self.image, self.disk], check=True)
        with open(self.disk, "r+b") as disk:
            disk.truncate(size_mb << 20)
        shutil.copy(VARIABLES.format(".snakeoil" if self.secure else ""), self.variables)

    def start(self):
        """Power on."""
        self.console = bytearray()
        serial = os.path.join(self.folder, "serial.sock")
        if os.path.exists(serial):
            os.unlink(serial)
        forward = f"hostfwd=udp:127.0.0.1:{self.sip}-:5060,hostfwd=tcp:127.0.0.1:{self.https}-:8443"
        command = [
            "nice", "-n", "5", "qemu-system-x86_64", "-machine", "q35,smm=" + ("on" if self.secure else "off"),
            "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2", "-m", "1024", "-display", "none", "-nodefaults",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE.format('.secboot' if self.secure else '')}",
            "-drive", f"if=pflash,format=raw,unit=1,file={self.variables}",
            "-drive", f"if=none,id=disk,format=raw,file={self.disk}", "-device", "virtio-blk-pci,drive=disk,bootindex=1",
            "-netdev", f"user,id=lan,{forward}", "-device", f"virtio-net-pci,netdev=lan,romfile=,mac={self.card}",
            "-device", "virtio-rng-pci",
            "-device", "qemu-xhci,id=usb", "-monitor", f"unix:{self.folder}/monitor.sock,server=on,wait=off",
            "-chardev", f"socket,id=serial,path={serial},server=on,wait=off", "-serial", "chardev:serial",
        ]
        if self.secure:
            command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        if self.tpm:
            command += self._tpm()
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command + self.more, start_new_session=True, stdin=subprocess.DEVNULL,
                                        stdout=open(os.path.join(self.folder, "qemu.log"), "ab"), stderr=subprocess.STDOUT)
        self.line = self._connect(serial)
        threading.Thread(target=self._read, args=(self.line,), daemon=True).start()
        return self

    def _tpm(self):
        state, path = os.path.abspath(os.path.join(self.folder, "tpm")), os.path.join(self.folder, "tpm.sock")
        os.makedirs(state, exist_ok=True)
        self.chip = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl", f"type=unixio,path={path}",
                                      "--terminate"])
        wait(lambda: os.path.exists(path), 10, "swtpm does not start")
        return ["-chardev", f"socket,id=tpm,path={path}", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]

    def _connect(self, path):
        until = time.monotonic() + 10
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(path)
                return line
            except OSError:
                line.close()
                if time.monotonic() > until or self.process.poll() is not None:
                    with open(os.path.join(self.folder, "qemu.log")) as log:
                        raise Failed("QEMU does not start: " + log.read()[-500:])
                time.sleep(0.05)

    def _read(self, line):
        while data := line.recv(4096):
            self.console += data
            with open(os.path.join(self.folder, "console.log"), "ab") as log:
                log.write(data)

    def monitor(self, line):
        """A word to QEMU itself."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(os.path.join(self.folder, "monitor.sock"))
            link.settimeout(10)
            answer = b""
            while b"(qemu) " not in answer:
                answer += link.recv(4096)
            link.sendall(line.encode() + b"\n")
            answer = b""
            while b"(qemu) " not in answer:
                answer += link.recv(4096)
        return answer.decode(errors="replace")

    def plug(self, stick):
        """Puts a USB stick in, and says from where on the console is new."""
        self.sticks = getattr(self, "sticks", 0) + 1
        name, mark = f"stick{self.sticks}", len(self.console)
        self.monitor(f"drive_add 0 if=none,id={name},format=raw,file={stick}")
        self.monitor(f"device_add usb-storage,bus=usb.0,id={name},drive={name}")
        return mark

    def unplug(self):
        self.monitor(f"device_del stick{self.sticks}")

    def wait_behind(self, mark, text, within=STARTS_WITHIN):
        """Until the console shows it behind a mark."""
        seen = lambda: text in self.console[mark:].decode(errors="replace")
        wait(lambda: seen() or self._alive(), within, f"the console did not show {text!r}", self)

    def type(self, text):
        self.line.sendall(text.encode())

    def since(self):
        return time.monotonic() - self.begun

    def worked(self):
        """Seconds of processor that it took up to now: what a busy machine does not change."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def said(self):
        return self.console.decode(errors="replace")

    def wait_for(self, text, within=STARTS_WITHIN):
        """Until the console shows it."""
        wait(lambda: text in self.said() or self._alive(), within, f"the console did not show {text!r}", self)
        return self.since()

    def word_behind(self, text):
        """The word that the console shows behind this, on a line that is whole."""
        found = lambda: re.search(re.escape(text) + r"(\S+)\s*\n", self.said())
        wait(lambda: found() or self._alive(), STARTS_WITHIN, f"the console did not show {text!r}", self)
        return found()[1]

    def _alive(self):
        if self.process.poll() is not None:
            raise Failed("QEMU ended by itself")
        return False

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def cut(self):
        """The plug is pulled."""
        if self.is_up():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.chip:
            self.chip.terminate()
            self.chip.wait()
            self.chip = None

    def answered(self, within=STARTS_WITHIN):
        """Seconds from power on until an OPTIONS is answered with 200; it has so many seconds from now."""
        until = self.since() + within
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(0.25)
            line.connect(("127.0.0.1", self.sip))
            port, number = line.getsockname()[1], 0
            while self.since() < until:
                self._alive()
                number += 1
                try:
                    line.send(options(port, number))
                    if line.recv(4096).startswith(b"SIP/2.0 200"):
                        return self.since()
                except OSError:
                    time.sleep(0.1)
        raise Failed(f"no OPTIONS was answered within {within} s; the console ends with:\n{self.said()[-1500:]}")


def stick(path, folder, label="BL-UPDATE"):
    """An image of a stick with what is in the folder."""
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    with open(path, "wb") as file:
        file.truncate(size + (16 << 20))
    tools = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    subprocess.run(["mkfs.vfat", "-n", label, path], check=True, stdout=subprocess.DEVNULL, env=tools)
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    subprocess.run(["mcopy", "-i", path, *files, "::"], check=True)
    return path


def options(port, number):
    lines = [
        "OPTIONS sip:10.0.2.15:5060 SIP/2.0", f"Via: SIP/2.0/UDP 10.0.2.2:{port};branch=z9hG4bK{port}x{number};rport",
        f"From: <sip:image@10.0.2.2>;tag={number}", "To: <sip:10.0.2.15>", f"Call-ID: {port}-{number}@10.0.2.2",
        f"CSeq: {number} OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", "",
    ]
    return "\r\n".join(lines).encode()


def wait(holds, within, words, machine=None):
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            raise Failed(words + (f"; it ends with:\n{machine.said()[-1500:]}" if machine else ""))
        time.sleep(0.05)


class Ear(threading.Thread):
    """The caller's audio: hears G.711 u-law, presses 9 when it heard the menu, then says a tone and listens for its echo."""

    PRESSES_AFTER = 100  # packets of the menu: two seconds
    TONE = 1000  # Hz

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.packets = self.loud = self.echoed = 0
        self.over = False

    def run(self):
        """Sends a packet every 20 ms by its own clock, once it knows where to; whatever comes meanwhile is listened to."""
        sequence, stamp, pressed, to = 0, 0, 0, None
        due = time.monotonic()
        while not self.over:
            self.socket.settimeout(max(due - time.monotonic(), 0.001))
            try:
                packet, to = self.socket.recvfrom(2048)
                self._hear(packet)
            except TimeoutError:
                pass
            if time.monotonic() < due or to is None:
                due = max(due, time.monotonic()) if to is None else due
                continue
            due, sequence, stamp = due + 0.02, sequence + 1, stamp + 160
            if self.loud >= self.PRESSES_AFTER and pressed < 12:
                # One key (RFC 4733): nine packets that go on and three that say that it is over.
                end = 0x80 if pressed >= 9 else 0
                self._send(to, 101 | (0x80 if pressed == 0 else 0), sequence, self.key_begun if pressed else self._begin(stamp),
                           struct.pack("!BBH", 9, end | 10, min(pressed + 1, 10) * 160))
                pressed += 1
            else:
                angle = [2 * math.pi * self.TONE * (stamp + n) / 8000 for n in range(160)]
                sound = bytes(compress(int(8000 * math.sin(a))) if pressed >= 12 else 0xFF for a in angle)
                self._send(to, 0, sequence, stamp, sound)

    def _hear(self, packet):
        if len(packet) < 172 or packet[1] & 0x7F != 0:
            return
        self.packets += 1
        samples = [expand(byte) for byte in packet[12:172]]
        self.loud += max(map(abs, samples)) > 1000
        self.echoed += tone(samples, self.TONE) > 0.8

    def _begin(self, stamp):
        self.key_begun = stamp
        return stamp

    def _send(self, to, kind, sequence, stamp, payload):
        self.socket.sendto(struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, stamp, 0x1234) + payload, to)


def expand(byte):
    """G.711 u-law."""
    byte = ~byte & 0xFF
    value = (((byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4)
    return 0x84 - value if byte & 0x80 else value - 0x84


def compress(sample):
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 0x84
    exponent = max(value.bit_length() - 8, 0)
    return ~(sign | exponent << 4 | (value >> (exponent + 3)) & 0x0F) & 0xFF


def tone(samples, hertz):
    """How much of the sound is one tone, 0 to 1."""
    power = sum(s * s for s in samples)
    if power < 1e6:
        return 0.0
    real = sum(s * math.cos(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    return 2 * (real * real + imaginary * imaginary) / (power * len(samples))


def ivr_call(machine, talk=20, heard=True):
    """A whole call to the IVR by SIPp; says what was heard, which may be too little where it does not matter."""
    ear = Ear()
    ear.start()
    scenario = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sipp/ivr.xml")
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(["sipp", f"127.0.0.1:{machine.sip}", "-sf", scenario, "-m", "1", "-i", "127.0.0.1", "-p", str(free_port()),
                              "-key", "to", "+15550100", "-key", "rtp", str(ear.port), "-d", str(talk * 1000), "-nostdin",
                              "-timeout", f"{talk + 30}s", "-timeout_error"], cwd=folder, capture_output=True, text=True)
    ear.over = True
    ear.join()
    if ran.returncode:
        raise Failed(f"SIPp ended with {ran.returncode}: {ran.stderr[-400:]}")
    if heard and (ear.loud < Ear.PRESSES_AFTER or ear.echoed < 50):
        raise Failed(f"of {ear.packets} packets {ear.loud} were loud and {ear.echoed} the echo of the caller's tone")
    return f"{ear.packets} packets heard, {ear.loud} loud, {ear.echoed} the echo of the caller's own tone"
