#!/usr/bin/env python3
"""How good speech is through the box's codecs under loss, beside libopus and libspandsp with the same packets lost.

    python3 -m venv target/speech && target/speech/bin/pip install pesq numpy
    target/speech/bin/python benches/speech.py

Needs libopus0 and libspandsp2 (Debian; they come with baresip-core), and gcc for `pesq`. Speech is the box's own prompts.
Figures are MOS-LQO of ITU-T P.862.1 at 8 kHz, the mean of three seeds; 4.55 is the most there is.
"""

import ctypes
import glob
import random
import struct
import subprocess

import numpy
import pesq

FRAME = 160
SEEDS = (1, 2, 3)
LOSSES = (0, 2, 5, 10)
LOST = struct.pack("<H", 0xFFFF)
# opus_defines.h
VOIP, SET_BITRATE, SET_COMPLEXITY, SET_FEC, SET_LOSS = 2048, 4002, 4010, 4012, 4014

opus = ctypes.CDLL("libopus.so.0")
opus.opus_encoder_create.restype = opus.opus_decoder_create.restype = ctypes.c_void_p
spandsp = ctypes.CDLL("libspandsp.so.2")
spandsp.plc_init.restype = ctypes.c_void_p


def box(words, data):
    command = ["cargo", "bench", "--quiet", "--profile", "dev", "--bench", "speech", "--", *words]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def speech():
    """About twelve seconds of prompts, one after another."""
    samples = []
    for path in sorted(glob.glob("firmware-config/prompts/en/*.wav")):
        data = open(path, "rb").read()
        law, rate = struct.unpack_from("<H", data, 20)[0], struct.unpack_from("<I", data, 24)[0]
        assert rate == 8000, path
        sound = data[data.index(b"data") + 8 :]
        samples += [ulaw(code) for code in sound] if law == 7 else numpy.frombuffer(sound[: len(sound) // 2 * 2], "<i2").tolist()
        samples += [0] * 2400
        if len(samples) > 12 * 8000:
            break
    return numpy.array(samples[: len(samples) // FRAME * FRAME], dtype="<i2")


def ulaw(code):
    code ^= 0xFF
    value = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -value if code & 0x80 else value


TABLE = numpy.array([ulaw(code) for code in range(256)])
ORDER = numpy.argsort(TABLE, kind="stable")


def to_ulaw(samples):
    places = numpy.searchsorted(TABLE[ORDER][:-1] + numpy.diff(TABLE[ORDER]) / 2, samples)
    return ORDER[places].astype("uint8").tobytes()


def libopus_encode(samples, percent):
    error = ctypes.c_int()
    state = ctypes.c_void_p(opus.opus_encoder_create(8000, 1, VOIP, ctypes.byref(error)))
    bits = 30000 if percent else 20000
    for what, value in ((SET_BITRATE, bits), (SET_COMPLEXITY, 10), (SET_FEC, 1), (SET_LOSS, percent)):
        opus.opus_encoder_ctl(state, ctypes.c_int(what), ctypes.c_int(value))
    packets = []
    for at in range(0, len(samples), FRAME):
        frame, out = samples[at : at + FRAME].tobytes(), ctypes.create_string_buffer(1500)
        length = opus.opus_encode(state, frame, FRAME, out, 1500)
        packets.append(out.raw[:length])
    return packets


def libopus_decode(packets):
    """As a phone does: a lost packet is had from the next one, or made up."""
    error = ctypes.c_int()
    state = ctypes.c_void_p(opus.opus_decoder_create(8000, 1, ctypes.byref(error)))
    heard = b""
    for packet, after in zip(packets, packets[1:] + [None]):
        out = ctypes.create_string_buffer(FRAME * 2)
        source, again = (packet, 0) if packet is not None else (after, 1)
        if source is None:
            opus.opus_decode(state, None, 0, out, FRAME, 0)
        else:
            opus.opus_decode(state, source, len(source), out, FRAME, again)
        heard += out.raw
    return numpy.frombuffer(heard, "<i2")


def spandsp_conceal(packets):
    state = ctypes.c_void_p(spandsp.plc_init(None))
    heard = b""
    for packet in packets:
        frame = (ctypes.c_int16 * FRAME)(*([0] * FRAME if packet is None else TABLE[list(packet)].tolist()))
        (spandsp.plc_fillin if packet is None else spandsp.plc_rx)(state, frame, FRAME)
        heard += bytes(frame)
    return numpy.frombuffer(heard, "<i2")


def lose(packets, percent, seed):
    chance = random.Random(seed)
    return [None if chance.random() * 100 < percent else packet for packet in packets]


def told(packets):
    return b"".join(LOST if p is None else struct.pack("<H", len(p)) + p for p in packets)


def read(data):
    packets = []
    while data:
        length = struct.unpack("<H", data[:2])[0]
        packets.append(data[2 : 2 + length])
        data = data[2 + length :]
    return packets


def through_ulaw(samples):
    return TABLE[list(to_ulaw(samples))].astype("<i2")


def score(reference, heard):
    heard = heard[: len(reference)]
    return pesq.pesq(8000, reference.astype("float32") / 32768, heard.astype("float32") / 32768, "nb")


def main():
    reference = speech()
    print(f"{len(reference) / 8000:.1f} s of speech; loss in percent: {LOSSES}")
    samples = lambda data: numpy.frombuffer(data, "<i2")
    plain = [to_ulaw(reference[at : at + FRAME]) for at in range(0, len(reference), FRAME)]
    rows = {
        "G.711, concealed by the box": lambda percent, seed: samples(box(["conceal"], told(lose(plain, percent, seed)))),
        "G.711, concealed by libspandsp": lambda percent, seed: spandsp_conceal(lose(plain, percent, seed)),
        "Opus of libopus to G.711 by the box": lambda percent, seed: samples(
            box(["carry"], told(lose(libopus_encode(reference, percent), percent, seed)))
        ),
        "the same by libopus": lambda percent, seed: through_ulaw(
            libopus_decode(lose(libopus_encode(reference, percent), percent, seed))
        ),
        "G.711 to Opus by the box, heard by libopus": lambda percent, seed: libopus_decode(
            lose(read(box(["encode", str(percent)], through_ulaw(reference).tobytes())), percent, seed)
        ),
        "the same coded by libopus": lambda percent, seed: libopus_decode(
            lose(libopus_encode(through_ulaw(reference), percent), percent, seed)
        ),
    }
    for name, run in rows.items():
        scores = []
        for percent in LOSSES:
            seeds = SEEDS if percent else SEEDS[:1]
            scores.append(sum(score(reference, run(percent, seed)) for seed in seeds) / len(seeds))
        print(f"{name:45}", *(f"{value:6.2f}" for value in scores))


if __name__ == "__main__":
    main()
