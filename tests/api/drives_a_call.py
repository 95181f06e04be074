"""Makes a call, plays, asks for keys, sends it on and ends it, with the client that was generated from the document."""

import ssl
import sys
import time

from branchline_client import AuthenticatedClient
from branchline_client.api.default import (
    collect_keys,
    get_call,
    hang_up,
    hold_call,
    make_call,
    play_prompt,
    resume_call,
    transfer_call,
)
from branchline_client.models import Collect, NewCall, Party, Play, Transfer

url, token, certificate = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, verify_ssl=ssl.create_default_context(cafile=certificate))


def until_with(call, whom):
    """Waits until the caller talks with somebody."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        live = get_call.sync(call, client=client).live
        if live and live.with_ == whom:
            return
        time.sleep(0.05)
    sys.exit(f"the caller does not talk with {whom}")


def done(answer):
    """Demands that an order was carried out."""
    if answer.status_code != 204:
        sys.exit(f"{answer.status_code}: {answer.content}")


call = make_call.sync(client=client, body=NewCall(from_="201", to="202")).call
until_with(call, "extension 202")
done(play_prompt.sync_detailed(call, client=client, body=Play(prompt="goodbye", party=Party.OTHER)))
# The feed tells when it was played, and who follows it says so here.
input()
done(collect_keys.sync_detailed(call, client=client, body=Collect(party=Party.OTHER, keys=4, seconds=1)))
done(hold_call.sync_detailed(call, client=client))
done(resume_call.sync_detailed(call, client=client))
done(transfer_call.sync_detailed(call, client=client, body=Transfer(to="203")))
until_with(call, "extension 203")
input()
done(hang_up.sync_detailed(call, client=client))
print(f"call {call}: made, played to, asked for keys, held, resumed, sent on, ended")
