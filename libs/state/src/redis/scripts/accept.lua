-- Remembers a request until it has its final answer, and that for a while.
local name, id, given, bytes, content_type, expires = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if known and known.response then return reply("finished", known.response, known.type) end
if known then return reply("open") end

local lapses = string.format("%.0f", math.max(tonumber(expires), now) + ANSWER_MEMORY_MS)
redis.call("DEL", request)
redis.call("HSET", request, "request", bytes, "type", content_type, "expires", expires, "until", lapses)
redis.call("PEXPIREAT", request, lapses)
redis.call("ZREMRANGEBYSCORE", key(OPEN_REQUESTS), "-inf", string.format("(%.0f", now - ANSWER_MEMORY_MS))
redis.call("ZADD", key(OPEN_REQUESTS), expires, id .. ":" .. name)
return reply("accepted")
