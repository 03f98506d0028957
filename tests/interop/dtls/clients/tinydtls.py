"""A CoAP client on aiocoap and tinydtls: `tinydtls.py PORT IDENTITY KEY-IN-HEX`. Each line of its standard input is fetched from `/echo`, and the answer written."""

import asyncio
import sys

import aiocoap


async def main():
    port, identity, key = sys.argv[1:]
    server = f"coaps://127.0.0.1:{port}"
    context = await aiocoap.Context.create_client_context()
    context.client_credentials.load_from_dict(
        {f"{server}/*": {"dtls": {"psk": bytes.fromhex(key), "client-identity": identity.encode()}}}
    )
    loop = asyncio.get_running_loop()

    async def fetch(line):
        request = aiocoap.Message(code=aiocoap.FETCH, uri=f"{server}/echo", payload=line.strip().encode())
        response = await context.request(request).response
        print(response.payload.decode(), flush=True)

    requests = set()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = asyncio.create_task(fetch(line))
        requests.add(request)
        request.add_done_callback(requests.discard)
    await context.shutdown()


asyncio.run(main())
