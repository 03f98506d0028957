-- Makes a device the owner of an identity, if nobody was earlier. KEYS[1] is the slot's prefix; ARGV: identity, name, offset, and a pointer
-- that the caller found void. Answers the pointer that stands in the way, or false and whether the identity was the device's before.
local identity, name, offset, void = unpack(ARGV)
local pointer = KEYS[1] .. IDENTITY .. identity
local current = redis.call("GET", pointer)
if current and current ~= void then
  local since, owner = string.match(current, "^(%d+) (.*)$")
  if owner == name then return { false, 1 } end
  if since and tonumber(since) <= tonumber(offset) then return { current, 0 } end
end
redis.call("SET", pointer, offset .. " " .. name)
return { false, 0 }
