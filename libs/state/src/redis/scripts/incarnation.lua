-- Reads this life of the store and moves its high-water second on. KEYS[1] the incarnation; ARGV: id and second that the node saw last
-- (empty at first), and an id for a new life. A second before the one seen means an older copy of the store: another life.
local seen_id, seen_second, new_id = unpack(ARGV)
local now = tonumber(redis.call("TIME")[1])
local id, second = string.match(redis.call("GET", KEYS[1]) or "", "^(%x+) (%d+)$")
second = tonumber(second)
if not id or (id == seen_id and second < tonumber(seen_second)) then
  id, second = new_id, now
end
second = math.max(second, now)
redis.call("SET", KEYS[1], string.format("%s %.0f", id, second))
return { id, second }
