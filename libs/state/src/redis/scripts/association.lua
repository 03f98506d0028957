-- What all steps on a device's DTLS association share. KEYS[1] is its shard's prefix and its realm's; every key that a step touches begins with it.
-- The names of keys and limits are put in front by scripts.ts.

local quarantined = 0

local function key(kind, name)
  return KEYS[1] .. kind .. name
end

-- Every step's answer: its type, how many values were quarantined, then what the type says.
local function reply(type, ...)
  return { type, quarantined, ... }
end

-- Redis' own clock, ms since 1970.
local function clock()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An association is one string: see association-record.ts. Numbers are exact below 2^53.
local ASSOCIATION_FORMAT = ">Bc9BHI6I4I4Bc8I6I7c8Bc0Bc0"

local function unpack_association(packed)
  local version, id, mode, suite, created, hinted, stamp, slot, boot, ceiling, newest, window, cid, address, sealed =
    struct.unpack(ASSOCIATION_FORMAT, packed)
  if version ~= 1 or mode < 1 or mode > 3 or sealed > #packed then error("not an association") end
  return {
    packed = packed, id = id, mode = mode, suite = suite, created = created, hinted = hinted, stamp = stamp, slot = slot, boot = boot,
    ceiling = ceiling, newest = newest, window = window, cid = cid, address = address, sealed = string.sub(packed, sealed),
  }
end

-- The association of the device of this name; nil when there is none, or none that can be parsed: that is moved out of the way, for a week.
local function load(name)
  local packed = redis.pcall("GET", key(ASSOCIATION, name))
  if not packed then return nil end
  local ok, association = pcall(unpack_association, packed)
  if ok then return association end
  quarantined = quarantined + 1
  redis.call("RENAME", key(ASSOCIATION, name), key(BAD .. ASSOCIATION, name))
  redis.call("PEXPIRE", key(BAD .. ASSOCIATION, name), QUARANTINE_MS)
  return nil
end

local function forget(name)
  redis.call("DEL", key(ASSOCIATION, name))
end

-- Stores an association for a while, ms. Answers it packed when its hints are due, else false: they are kept for twice as long, so few steps write them.
local function keep(name, a, ttl)
  local now = clock()
  local due = a.hinted * 1000 < now + ttl
  if due then a.hinted = math.ceil((now + 2 * ttl) / 1000) end
  a.packed = struct.pack(ASSOCIATION_FORMAT, 1, a.id, a.mode, a.suite, a.created, a.hinted, a.stamp, a.slot, a.boot, a.ceiling, a.newest,
    a.window, #a.cid, a.cid, #a.address, a.address) .. a.sealed
  redis.call("SET", key(ASSOCIATION, name), a.packed, "PX", ttl)
  return due and a.packed
end

-- decideHeld of association-rules.ts: makes the association what its owner holds; else answers "gone" or "stale".
local function refuse(a, id, slot, boot, stamp, ceiling)
  if not a then return "gone" end
  if a.id ~= id or a.stamp > stamp then return "stale" end
  if a.stamp == stamp and (a.slot ~= slot or a.boot ~= boot) then return "stale" end
  a.slot, a.boot, a.stamp, a.ceiling = slot, boot, stamp, math.max(a.ceiling, ceiling)
  return nil
end

-- `received` of association-rules.ts: takes a mark over unless the stored one is later.
local function receive(a, newest, window, address)
  if newest < a.newest then return end
  if newest == a.newest then
    local bytes = {}
    for i = 1, #window do bytes[i] = string.char(bit.bor(string.byte(window, i), string.byte(a.window, i))) end
    window = table.concat(bytes)
  end
  -- With a Connection ID nothing leads there from an address.
  if address ~= a.address and #a.cid == 0 then a.hinted = 0 end
  a.newest, a.window, a.address = newest, window, address
end
