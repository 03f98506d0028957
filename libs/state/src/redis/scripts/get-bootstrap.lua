-- Reads the last bootstrap of a device. What does not parse is moved out of the way, for a week. KEYS[1] is its key; ARGV: where to, for how long, ms, and what
-- the caller could not parse, if anything. Answers it, or false and how many were moved.
local bad, kept_ms, unparsed = unpack(ARGV)
local text = redis.pcall("GET", KEYS[1])
if not text then return { false, 0 } end
if type(text) == "string" and text ~= unparsed then return { text, 0 } end
redis.call("RENAME", KEYS[1], bad)
redis.call("PEXPIRE", bad, kept_ms)
return { false, 1 }
