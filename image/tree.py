#!/usr/bin/env python3
"""Makes the tree of the root out of Debian's: drops what has no use, lays ours over it, all as a tar stream.

A tar keeps owners and modes without being root. Every entry comes out in the order of its name and with one time, so that
the same input makes the same bytes.
"""
import argparse
import fnmatch
import glob
import io
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import tomllib

FOLDER, FILE, PROGRAM = 0o755, 0o644, 0o755


def lines(path):
    with open(path) as text:
        return [line.split("#")[0].strip() for line in text if line.split("#")[0].strip()]


def pruned(name, patterns):
    """Whether a pattern fits the path or a folder above it."""
    parts = name.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for pattern in patterns:
        depth = pattern.count("/")
        if depth < len(above) and fnmatch.fnmatchcase(above[depth], pattern):
            return True
    return False


class Kernel:
    """The unpacked kernel package in the tar: its modules, and which of them are kept."""

    def __init__(self, source, members, allow):
        self.source = source
        prefix = "kernel/lib/modules/"
        self.files = {n[len("kernel/"):]: m for n, m in members.items() if n.startswith(prefix) and m.isfile()}
        self.version = next(iter(self.files)).split("/")[2]
        self.image = next(m for n, m in members.items() if n.startswith("kernel/boot/vmlinuz-"))
        self.allow = allow
        self.folder = tempfile.TemporaryDirectory()
        self.depends = self._depends()

    def _extract(self, names):
        for name in names:
            path = os.path.join(self.folder.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(self.source.extractfile(self.files[name]).read())

    def _depmod(self):
        subprocess.run(["depmod", "-b", self.folder.name, self.version], check=True)
        return os.path.join(self.folder.name, "lib/modules", self.version)

    def _depends(self):
        """What each module needs, of all there are."""
        self._extract(self.files)
        base = self._depmod()
        depends = {}
        with open(os.path.join(base, "modules.dep")) as text:
            for line in text:
                name, needs = line.rstrip("\n").split(":")
                depends[name] = needs.split()
        return depends

    def kept(self):
        """Paths of the modules that are kept, those that the initrd loads first in their order."""
        by_name = {os.path.basename(p)[:-3].replace("_", "-"): p for p in self.depends}
        early, late = [], []
        for line in self.allow:
            *where, name = line.split()
            path = by_name.get(name.replace("_", "-"))
            if path is None:
                # Built in, or none of this kernel's.
                continue
            wanted = early if where == ["initrd"] else late
            # depmod lists what is needed last first.
            for needed in [*reversed(self.depends[path]), path]:
                if needed not in wanted:
                    wanted.append(needed)
        return early, late

    def tree(self):
        """Files for the root: the modules that are kept and the tables over them."""
        early, late = self.kept()
        base = f"lib/modules/{self.version}"
        keep = {f"{base}/{path}" for path in early + late}
        for name in list(self.files):
            if name.endswith(".ko") and name not in keep:
                os.unlink(os.path.join(self.folder.name, name))
        folder = self._depmod()
        found = {f"usr/{name}": self.source.extractfile(self.files[name]).read() for name in sorted(keep)}
        for table in sorted(os.listdir(folder)):
            path = os.path.join(folder, table)
            if os.path.isfile(path):
                with open(path, "rb") as data:
                    found[f"usr/{base}/{table}"] = data.read()
        return found


def kernels_licence(tree, source, members):
    """The kernel was unpacked beside the root; what it is licensed under goes where the others' stand."""
    for name, member in members.items():
        if fnmatch.fnmatchcase(name, "kernel/usr/share/doc/*/copyright") and member.isfile():
            tree.put(name.removeprefix("kernel/"), source.extractfile(member).read())


def from_folder(folder):
    """Files and links of a folder that is laid over the root."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files + [f for f in folders if os.path.islink(os.path.join(place, f))]):
            path = os.path.join(place, name)
            yield os.path.relpath(path, folder), path


class Tree:
    """The root as it grows: name to (entry, bytes)."""

    def __init__(self, epoch):
        self.entries = {}
        self.epoch = epoch

    def put(self, name, data, mode=FILE):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        self._folders(name)
        self.entries[name] = (entry, data)

    def folder(self, name, mode=FOLDER):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._folders(name)
        self.entries[name] = (entry, None)

    def link(self, name, to):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, to, 0o777
        self._folders(name)
        self.entries[name] = (entry, None)

    def _folders(self, name):
        above = os.path.dirname(name)
        if above and above not in self.entries:
            self.folder(above)

    def write(self, out):
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(self.entries):
                entry, data = self.entries[name]
                entry.name, entry.mtime, entry.uname, entry.gname = name, self.epoch, "", ""
                entry.pax_headers = {}
                archive.addfile(entry, io.BytesIO(data) if data is not None else None)


def base(tree, source, members, patterns):
    for name, member in members.items():
        if not name or pruned(name, patterns):
            continue
        if member.islnk():
            # A second name of a file: whichever of the two is dropped, the other stays whole.
            member.type, data = tarfile.REGTYPE, source.extractfile(members[plain(member.linkname)]).read()
            member.size = len(data)
        elif member.isfile():
            data = source.extractfile(member).read()
        elif member.isdir() or member.issym():
            data = None
        else:
            continue
        tree.entries[name] = (member, data)


def plain(name):
    return name.removeprefix("./").strip("/")


def overlay(tree, folder):
    for name, path in from_folder(folder):
        # /lib, /bin and /sbin are links into /usr.
        if name.split("/")[0] in ("lib", "bin", "sbin"):
            name = f"usr/{name}"
        if os.path.islink(path):
            tree.link(name, os.readlink(path))
            continue
        with open(path, "rb") as data:
            tree.put(name, data.read(), PROGRAM if os.access(path, os.X_OK) else FILE)


def package(tree, top):
    """What the .deb carries, from the same list that it is made from; its units are enabled as its presets say."""
    with open(f"{top}/Cargo.toml", "rb") as manifest:
        deb = tomllib.load(manifest)["package"].get("metadata", {}).get("deb", {})
    for pattern, to, mode in deb.get("assets", []):
        if pattern.startswith("target/") or to.startswith("usr/share/doc/"):
            continue
        for path in sorted(glob.glob(f"{top}/{pattern}")):
            name = plain(to + os.path.basename(path) if to.endswith("/") else to)
            with open(path, "rb") as data:
                tree.put(name.replace("lib/systemd", "usr/lib/systemd", 1) if name.startswith("lib/") else name,
                         data.read(), int(mode, 8))


# Where the package lays what a system of somebody's own may take or leave, and where the image has it in force.
IN_FORCE = {
    "etc/chrony/chrony.conf": "usr/share/branchline/chrony/branchline.conf",
    "usr/lib/systemd/network/20-branchline-lan.network": "usr/share/branchline/network/20-branchline-lan.network",
    "usr/lib/systemd/network/21-branchline-wan.network": "usr/share/branchline/network/21-branchline-wan.network",
    "usr/lib/modprobe.d/branchline.conf": "usr/share/branchline/modprobe.d/branchline.conf",
}


def in_force(tree):
    """The package's settings of chrony, of the network and of the kernel's modules are the image's; the firewall is on (see the overlay)."""
    for name, source in IN_FORCE.items():
        if source not in tree.entries:
            sys.exit(f"image/tree.py: the package has no {source}")
        tree.link(name, os.path.relpath(source, os.path.dirname(name)))
    for stick in sorted(n for n in tree.entries if n.startswith("usr/share/branchline/usb-modeswitch/")):
        tree.put("etc/usb_modeswitch.d/" + os.path.basename(stick), tree.entries[stick][1])


def not_waited_for(tree):
    """Names are looked up long after the start: nothing of it waits for who does that."""
    unit = "usr/lib/systemd/system/systemd-resolved.service"
    entry, text = tree.entries[unit]
    tree.put(unit, text.replace(b"Before=sysinit.target ", b"Before="), entry.mode)


def serial_console(tree):
    """The box's console stands on a serial line too, where systemd finds one that works; there is no login anywhere."""
    folder = "usr/lib/systemd/system"
    entry, text = tree.entries[f"{folder}/branchline-console@.service"]
    own = b"BindsTo=dev-%i.device\nAfter=dev-%i.device\nConflicts=rescue.service\nBefore=rescue.service\n"
    conflict = b"Conflicts=getty@%i.service serial-getty@%i.service\n"
    if conflict not in text:
        sys.exit("image/tree.py: the console's unit gives way to no getty")
    tree.put(f"{folder}/serial-getty@.service", text.replace(conflict, own), entry.mode)


def enable(tree):
    """Links what presets of ours enable into what wants it: nobody can do that later."""
    presets = [n for n in tree.entries if fnmatch.fnmatch(n, "usr/lib/systemd/system-preset/*branchline*.preset")]
    for preset in sorted(presets):
        for line in tree.entries[preset][1].decode().splitlines():
            words = line.split()
            unit = f"usr/lib/systemd/system/{words[1]}" if words[:1] == ["enable"] else None
            if unit not in tree.entries:
                continue
            for at in tree.entries[unit][1].decode().splitlines():
                kind, _, wanting = at.partition("=")
                kind = {"WantedBy": "wants", "RequiredBy": "requires"}.get(kind)
                for one in wanting.split() if kind else []:
                    tree.link(f"etc/systemd/system/{one}.{kind}/{words[1]}", f"/{unit}")


def identity(tree, version):
    text = (
        "NAME=Branchline\nID=branchline\nID_LIKE=debian\nIMAGE_ID=branchline\n"
        f"PRETTY_NAME=\"Branchline appliance {version}\"\nVERSION_ID={version}\nIMAGE_VERSION={version}\n"
        "BRANCHLINE_MODEL=amd64-uefi\n"
    )
    tree.put("usr/lib/os-release", text.encode())
    tree.link("etc/os-release", "../usr/lib/os-release")
    return text


def accounts(tree):
    """Users and groups of sysusers.d: made here, for nobody can write /etc later."""
    text = lambda name: tree.entries[name][1].decode()
    files = {name: text(f"etc/{name}").splitlines() for name in ("passwd", "group", "shadow")}
    known = lambda file, name: any(line.split(":")[0] == name for line in files[file])
    taken = {int(line.split(":")[2]) for file in ("passwd", "group") for line in files[file]}
    free = (number for number in range(899, 100, -1) if number not in taken)

    def group(name):
        if not known("group", name):
            files["group"].append(f"{name}:x:{next(free)}:")
        return next(line.split(":")[2] for line in files["group"] if line.split(":")[0] == name)

    def user(name, about="", home="/", shell="/usr/sbin/nologin"):
        number = group(name)
        if not known("passwd", name):
            files["passwd"].append(f"{name}:x:{number}:{number}:{about}:{home}:{shell}")
            files["shadow"].append(f"{name}:!*:1::::::")

    def member(name, of):
        user(name)
        group(of)
        for at, line in enumerate(files["group"]):
            title, secret, number, names = line.split(":")
            if title == of and name not in names.split(","):
                files["group"][at] = ":".join([title, secret, number, ",".join(filter(None, [names, name]))])

    rules = [name for name in sorted(tree.entries) if fnmatch.fnmatch(name, "usr/lib/sysusers.d/*.conf")]
    for rule in rules:
        for line in text(rule).splitlines() if tree.entries[rule][1] else []:
            words = shlex.split(line, comments=True)
            rest = ["" if word == "-" else word for word in words[3:]]
            match words[:1]:
                case ["g"]:
                    group(words[1])
                case ["u" | "u!"]:
                    user(words[1], *filter(None, rest[:2]))
                case ["m"]:
                    member(words[1], words[2])
    for name, found in files.items():
        mode = tree.entries[f"etc/{name}"][0].mode
        tree.put(f"etc/{name}", ("\n".join(found) + "\n").encode(), mode)


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--base", required=True, help="tar of Debian's root, with the kernel's package in kernel/")
    ask.add_argument("--here", required=True, help="the folder with the lists")
    ask.add_argument("--binary", required=True)
    ask.add_argument("--version", required=True)
    ask.add_argument("--epoch", type=int, required=True)
    ask.add_argument("--overlay", action="append", default=[])
    ask.add_argument("--parts", required=True, help="folder for what the UKI is made of")
    asked = ask.parse_args()
    here = asked.here
    source = tarfile.open(asked.base)
    members = {plain(m.name): m for m in source.getmembers()}
    kernel = Kernel(source, members, lines(f"{here}/modules.allow"))

    tree = Tree(asked.epoch)
    base(tree, source, members, lines(f"{here}/prune.list"))
    for name, data in kernel.tree().items():
        tree.put(name, data)
    kernels_licence(tree, source, members)
    with open(asked.binary, "rb") as binary:
        tree.put("usr/bin/branchline", binary.read(), PROGRAM)
    for folder in ("dev", "proc", "sys", "run", "var", "efi", "etc/systemd/system"):
        tree.folder(folder)
    tree.folder("tmp", 0o1777)
    tree.folder("mnt/backup")
    tree.put("etc/machine-id", b"")
    tree.link("etc/resolv.conf", "../run/systemd/resolve/resolv.conf")
    # The branch's, which branchline-zone.service puts there; until then, and where nobody said one, UTC.
    tree.link("etc/localtime", "../run/branchline-localtime")
    # The configuration follows the version: one that is rolled back finds its own, untouched.
    package(tree, os.path.dirname(os.path.abspath(here)))
    in_force(tree)
    not_waited_for(tree)
    serial_console(tree)
    for folder in asked.overlay:
        overlay(tree, folder)
    # The configuration follows the version: one that is rolled back finds its own, untouched.
    tree.folder("etc/branchline")
    mount = tree.entries.pop("usr/lib/systemd/system/etc-branchline.mount.in")[1]
    tree.put("usr/lib/systemd/system/etc-branchline.mount", mount.replace(b"@VERSION@", asked.version.encode()))
    enable(tree)
    release = identity(tree, asked.version)
    accounts(tree)

    parts(asked.parts, tree, kernel, source, release)
    tree.write(sys.stdout.buffer)


# What stands in the initrd besides our own program, with the libraries it wants.
INITRD_PROGRAMS = ["usr/sbin/veritysetup"]


def parts(folder, tree, kernel, source, release):
    """Writes kernel, os-release and the initrd's files, from the same tree that the root is made of."""
    os.makedirs(folder, exist_ok=True)
    put = lambda name, data: _write(os.path.join(folder, name), data)
    put("vmlinuz", source.extractfile(kernel.image).read())
    put("os-release", release.encode())
    put("uname", kernel.version.encode())
    early, _ = kernel.kept()
    put("initrd/modules", "".join(os.path.basename(p) + "\n" for p in early).encode())
    for path in early:
        name = f"lib/modules/{kernel.version}/{path}"
        put(f"initrd/lib/modules/{os.path.basename(path)}", source.extractfile(kernel.files[name]).read())
    for program in INITRD_PROGRAMS:
        put("initrd/sbin/" + os.path.basename(program), tree.entries[program][1])
        for library in libraries(tree, program):
            data = follow(tree, library)
            put(f"initrd/lib/{os.path.basename(library)}", data)
    loader = follow(tree, "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    put("initrd/lib64/ld-linux-x86-64.so.2", loader)
    # The recovery takes what the box takes.
    for key in sorted(n for n in tree.entries if fnmatch.fnmatch(n, "usr/share/branchline/keys/*.pub")):
        put("initrd/keys/" + os.path.basename(key), tree.entries[key][1])


def follow(tree, name):
    entry, data = tree.entries[name]
    while entry.issym():
        name = os.path.normpath(os.path.join(os.path.dirname(name), entry.linkname))
        entry, data = tree.entries[name]
    return data


def libraries(tree, program):
    """Shared libraries that a program needs, and those that they need."""
    found, waiting = [], [program]
    while waiting:
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(follow(tree, waiting.pop()))
            copy.flush()
            said = subprocess.run(["objdump", "-p", copy.name], check=True, capture_output=True, text=True).stdout
        for line in said.splitlines():
            words = line.split()
            if words[:1] != ["NEEDED"] or words[1].startswith("ld-linux"):
                continue
            path = f"usr/lib/x86_64-linux-gnu/{words[1]}"
            if path not in tree.entries:
                path = f"lib/x86_64-linux-gnu/{words[1]}"
            if path not in found:
                found.append(path)
                waiting.append(path)
    return found


def _write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, PROGRAM)


if __name__ == "__main__":
    main()
