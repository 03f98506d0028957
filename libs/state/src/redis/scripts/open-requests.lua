-- Hands over requests of a device that have no final answer, in order of acceptance; and tells whether there are others behind them.
local name, given, limit, after = unpack(ARGV)
local now = clock(given)
local queue = key(QUEUE, name)
local rank = redis.call("ZRANK", queue, after)
local from = rank and rank + 1 or 0
local found, size = {}, 0
for _, id in ipairs(redis.call("ZRANGE", queue, from, from + limit - 1)) do
  if size >= PAGE_MAX_BYTES then break end
  local request = load_request(name, id, now)
  if request then
    local bytes = bytes_of(request)
    size = size + #bytes
    found[#found + 1] = told(request, bytes)
  else
    forget_open(name, id)
  end
end
return reply("open", found, redis.call("ZCARD", queue) > from + #found and 1 or 0)
