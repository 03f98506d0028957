-- Lets at most one caller send what must not be sent twice.
local name, id, epoch, boot, given = unpack(ARGV)
local known, request = load_request(name, id, clock(given))
if known and (known.finished or known.displaced) then return reply("finished") end
if not known or not is_owner(load(name), epoch, boot) then return reply("stale") end
if known.dispatched then return reply("dispatched") end

redis.call("HSET", request, "dispatched", epoch % 256 .. " " .. boot)
return reply("go")
