"""What decoders that others wrote read in our golden messages: gammu's library and pycrate. One JSON line for each message."""
import json
import sys

import gammu
from pycrate_mobile import TS23040_SMS as pycrate

TYPES = {
    "deliver": pycrate.SMS_DELIVER,
    "submit": pycrate.SMS_SUBMIT,
    "status": pycrate.SMS_STATUS_REPORT,
    "command": pycrate.SMS_COMMAND,
    "deliver_report": pycrate.SMS_DELIVER_REPORT_RP_ERROR,
    "submit_report": pycrate.SMS_SUBMIT_REPORT_RP_ACK,
}


def by_gammu(kind, octets):
    if kind not in ("deliver", "submit", "status"):
        return None
    try:
        read = gammu.DecodePDU(octets, True)
    except gammu.GSMError:
        return None
    facts = {"who": read["Number"]}
    if isinstance(read["Text"], bytes):
        facts["data"] = read["Text"].hex()
    else:
        facts["text"] = read["Text"]
    time = read["DateTime"]
    if time is not None and kind != "submit":
        facts["time"] = time.strftime("%y%m%d%H%M%S")
        facts["quarters"] = round(time.utcoffset().total_seconds() / 900)
    header = read["UDH"]
    if header["PartNumber"] > 0:
        reference = max(header["ID8bit"], header["ID16bit"])
        facts["part"] = [reference, header["AllParts"], header["PartNumber"]]
    return facts


def by_pycrate(kind, octets):
    message = TYPES[kind]()
    message.from_bytes(octets[1 + octets[0]:])
    facts = {}
    for element in message:
        name = element._name
        if name in ("TP_OA", "TP_DA", "TP_RA"):
            sign = "+" if element["Type"].get_val() == 1 else ""
            facts["who"] = sign + element["Num"].decode()
        elif name == "TP_SCTS":
            pairs = [part.get_val() for part in element]
            facts["time"] = "".join(f"{tens}{ones}" for ones, tens in pairs[:6])
            ones, west, tens = pairs[6]
            facts["quarters"] = (10 * tens + ones) * (-1 if west else 1)
        elif name == "TP_ST":
            facts["status"] = element.get_val()
        elif name == "TP_FCS":
            facts["failure"] = element.get_val()
        elif name == "TP_UD" and not element.get_trans():
            user_data(element, facts)
    return facts


def user_data(element, facts):
    said = element["UD"].decode()
    if isinstance(said, str):
        facts["text"] = said
    else:
        facts["data"] = bytes(said).hex()
    for information in element["UDH"][1] if not element["UDH"].get_trans() else []:
        if information[0].get_val() in (0, 8):
            facts["part"] = list(information[2].get_alt().get_val())


for golden in json.load(open(sys.argv[1])):
    octets = bytes.fromhex(golden["hex"])
    both = {"gammu": by_gammu(golden["kind"], octets), "pycrate": by_pycrate(golden["kind"], octets)}
    print(json.dumps(both))
