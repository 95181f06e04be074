"""aiosmpplib as an application: sends one text, however long, in one submit_sm, and says what comes back.

aio.py PORT SYSTEM_ID PASSWORD TEXT
"""

import asyncio
import json
import logging
import sys

from aiosmpplib import ESME, AbstractHook, PhoneNumber, SmppMessage, SubmitSm, SubmitSmResp
from aiosmpplib.state import NPI, TON


def say(**what):
    print(json.dumps(what), flush=True)


class Hook(AbstractHook):
    async def sending(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, SubmitSm):
            say(event="sending", octets=len(pdu))

    async def received(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, SubmitSmResp):
            say(event="answered", status=int(smpp_message.command_status), id=smpp_message.message_id)

    async def send_error(self, smpp_message, error, client_id):
        say(event="error", text=str(error))


async def main():
    logging.disable(logging.CRITICAL)
    port, system_id, password, text = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    esme = ESME(smsc_host="127.0.0.1", smsc_port=port, system_id=system_id, password=password, hook=Hook())
    message = SubmitSm(
        short_message=text,
        source=PhoneNumber("15550100", TON.INTERNATIONAL, NPI.ISDN),
        destination=PhoneNumber("15550101", TON.INTERNATIONAL, NPI.ISDN),
        log_id="1",
    )
    await esme.broker.enqueue(message)
    running = asyncio.create_task(esme.start())
    # Until nobody listens to us any more.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await esme.stop()
    await running


asyncio.run(main())
