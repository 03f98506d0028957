"""An LwM2M client by hand on aiocoap: `device.py coap://HOST:PORT`.

Commands come as JSON lines on standard input, events go to standard output. `register`, `update` (both with a `query`) and
`deregister` are answered by the event `answered`; `set` (`path`, `value`) changes a value and notifies those who observe it.
"""

import asyncio
import json
import sys

import aiocoap
from aiocoap import resource

LINKS = b'</>;rt="oma.lwm2m";ct=0,</1/0>,</3/0>'
TEXT = 0


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Value(resource.ObservableResource):
    """A resource in plain text."""

    def __init__(self, path, text):
        super().__init__()
        self.path = path
        self.text = text

    def update_observation_count(self, count):
        tell("observed", path=self.path, observers=count)

    async def render_get(self, request):
        return aiocoap.Message(code=aiocoap.CONTENT, payload=self.text.encode(), content_format=TEXT)

    async def render_put(self, request):
        self.text = request.payload.decode()
        tell("written", path=self.path, value=self.text, contentFormat=int(request.opt.content_format))
        return aiocoap.Message(code=aiocoap.CHANGED)


class Action(resource.Resource):
    """A resource that is executed."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    async def render_post(self, request):
        tell("executed", path=self.path, arguments=request.payload.decode())
        return aiocoap.Message(code=aiocoap.CHANGED)


class Device:
    def __init__(self, server):
        self.server = server
        self.location = ()
        # Larger than a block, so that it goes out block-wise (RFC 7959).
        self.values = {
            path: Value(path, text)
            for path, text in {"/3/0/0": "aiocoap " * 400, "/3/0/9": "42", "/3/0/14": "+01"}.items()
        }

    async def start(self):
        site = resource.Site()
        for path, value in self.values.items():
            site.add_resource(path.strip("/").split("/"), value)
        site.add_resource(["3", "0", "4"], Action("/3/0/4"))
        # One socket for both roles: the server asks the address that registered.
        self.context = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", 0))

    async def perform(self, command):
        name = command["command"]
        if name == "set":
            value = self.values[command["path"]]
            value.text = command["value"]
            value.updated_state()
            return
        code = aiocoap.DELETE if name == "deregister" else aiocoap.POST
        message = aiocoap.Message(code=code, uri=self.server)
        message.opt.uri_path = ("rd",) if name == "register" else self.location
        message.opt.uri_query = tuple(part for part in command.get("query", "").split("&") if part)
        if name == "register":
            message.opt.content_format = 40
            message.payload = LINKS
        response = await self.context.request(message).response
        if response.opt.location_path:
            self.location = response.opt.location_path
        tell("answered", to=name, code=response.code.dotted, diagnostic=response.payload.decode())


async def main():
    device = Device(sys.argv[1])
    await device.start()
    tell("ready")
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        await device.perform(json.loads(line))


asyncio.run(main())
