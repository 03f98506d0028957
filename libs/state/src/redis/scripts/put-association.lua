-- Stores an association of a device: a new one in place of another (decidePut of association-rules.ts), or what its owner writes back (decideRestore).
local name, packed, ttl, restored = unpack(ARGV)
local old, new = load(name), unpack_association(packed)
if old and old.id == new.id then
  local refused = refuse(old, new.id, new.slot, new.boot, new.stamp, new.ceiling)
  if refused then return reply(refused) end
  local before = old.packed
  receive(old, new.newest, new.window, new.address)
  new.ceiling, new.newest, new.window, new.address = old.ceiling, old.newest, old.window, old.address
  return reply("done", keep(name, new, tonumber(ttl)), before)
end
if old and restored == "1" and old.created >= new.created then return reply("stale") end
return reply("done", keep(name, new, tonumber(ttl)), old and old.packed or false)
