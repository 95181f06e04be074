"""smpplib as an application: binds, sends what it is told in as many parts as it takes, and says what comes back.

esme.py PORT SYSTEM_ID PASSWORD. Orders come as lines of JSON, what happens goes out as lines of JSON.
"""

import json
import logging
import select
import sys

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

logging.disable(logging.CRITICAL)


def say(**what):
    print(json.dumps(what), flush=True)


def received(pdu):
    text = (pdu.short_message or b"").decode("latin-1")
    say(event="deliver_sm", text=text, esm_class=pdu.esm_class, of=str(pdu.source_addr, "latin-1"))
    return 0


def answered(pdu):
    say(event="answered", status=pdu.status, id=(pdu.message_id or b"").decode())


def submit(client, order):
    parts, coding, kind = smpplib.gsm.make_parts(order["text"])
    for part in parts:
        client.send_message(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=order["from"],
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=order["to"],
            short_message=part,
            data_coding=coding,
            esm_class=kind,
            registered_delivery=True,
        )
    say(event="sent", parts=len(parts))


def main():
    port, system_id, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    client.set_message_received_handler(received)
    client.set_message_sent_handler(answered)
    client.connect()
    try:
        client.bind_transceiver(system_id=system_id, password=password)
    except smpplib.exceptions.PDUError as error:
        return say(event="refused", status=error.args[1])
    say(event="bound")
    while True:
        ready, _, _ = select.select([client._socket, sys.stdin], [], [])
        if client._socket in ready:
            client.read_once(auto_send_enquire_link=False)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            order = json.loads(line)
            if order["command"] == "submit":
                submit(client, order)
            else:
                client.unbind()
                client.disconnect()
                return say(event="unbound")


main()
