-- Reads a session; one that does not parse is moved out of the way, for a week. KEYS[1] is its key; ARGV: where to, for how long, ms.
-- Answers it, or false and how many were moved. Its form: see association-record.ts.
local packed = redis.pcall("GET", KEYS[1])
if not packed then return { false, 0 } end
local ok, sealed = pcall(function()
  local version, name, next_byte = struct.unpack(">BHc0", packed)
  return version == 1 and string.find(name, "/", 1, true) and next_byte <= #packed
end)
if ok and sealed then return { packed, 0 } end
redis.call("RENAME", KEYS[1], ARGV[1])
redis.call("PEXPIRE", ARGV[1], ARGV[2])
return { false, 1 }
