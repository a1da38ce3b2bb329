-- Wireshark dissector for the frames that two Holdfast daemons exchange on a data connection: length, type, what the
-- type has, and the inner packet.
--
--   wireshark -X lua_script:conf/wireshark/holdfast.lua trace.pcapng
--
-- or put this file into the folder that Help > About Wireshark > Folders calls "Personal Lua Plugins".
--
-- It is used for
--   * captures of "holdfast capture", whose TLS places have link type USER0: one frame a packet;
--   * the data connections themselves (TCP port 4754, ALPN holdfast/1) where Wireshark can decrypt TLS, by a key log
--     file of whatever program wrote one. Holdfast's daemons write none: their keys stay with them.
--
-- Where USER0 is another program's in your Wireshark (Preferences > Protocols > DLT_USER), that setting wins.

local holdfast = Proto("holdfast", "Holdfast tunnel frame")

local TYPES = {
  [1] = "control",
  [2] = "bind",
  [3] = "bound",
  [4] = "packet",
  [5] = "stage",
  [6] = "unstage",
  [7] = "marker",
  [8] = "marker-reply",
  [9] = "returned",
}
local GSO = { [0] = "none", [1] = "TCPv4", [3] = "UDP", [4] = "TCPv6", [5] = "UDP_L4" }

local HEADER = 5          -- length (4), type (1)
local VNET = 10           -- virtio_net_hdr, Virtual I/O Device 1.2 section 5.1.6, little-endian
local STAGING_ID = 8
local LONGEST = 4194304   -- a control frame; of no other may more come

local f = holdfast.fields
f.length = ProtoField.uint32("holdfast.length", "Length", base.DEC, nil, 0, "Bytes behind this field: type and payload")
f.type = ProtoField.uint8("holdfast.type", "Type", base.DEC, TYPES)
f.staging_id = ProtoField.uint64("holdfast.staging_id", "Staging id", base.DEC, nil, 0, "Of a packet that is held; rises on each connection")
f.marker = ProtoField.int64("holdfast.marker", "Marker", base.DEC, nil, 0, "All of this connection's staging ids up to it stand before it; -1 asks for a sign of life")
f.migration = ProtoField.bytes("holdfast.migration", "Migration", base.NONE, "Its id, a UUID")
f.epoch = ProtoField.uint64("holdfast.epoch", "Epoch")
f.token = ProtoField.bytes("holdfast.token", "Token")
f.lane = ProtoField.uint8("holdfast.lane", "Data connection", base.DEC, nil, 0, "Counted from 0")
f.accepted = ProtoField.bool("holdfast.accepted", "Accepted")
f.reason = ProtoField.string("holdfast.reason", "Reason")
f.control = ProtoField.bytes("holdfast.control", "Control message")
f.vnet = ProtoField.none("holdfast.vnet", "virtio_net_hdr")
f.needs_checksum = ProtoField.bool("holdfast.vnet.needs_checksum", "Checksum is left to a device", 8, nil, 0x01)
f.data_valid = ProtoField.bool("holdfast.vnet.data_valid", "Checksum was verified", 8, nil, 0x02)
f.gso_type = ProtoField.uint8("holdfast.vnet.gso_type", "Segmentation", base.DEC, GSO, 0x7f)
f.gso_ecn = ProtoField.bool("holdfast.vnet.gso_ecn", "Segmentation with ECN", 8, nil, 0x80)
f.header_length = ProtoField.uint16("holdfast.vnet.header_length", "Header length", base.DEC)
f.gso_size = ProtoField.uint16("holdfast.vnet.gso_size", "Segment size", base.DEC)
f.checksum_start = ProtoField.uint16("holdfast.vnet.checksum_start", "Checksum start", base.DEC)
f.checksum_offset = ProtoField.uint16("holdfast.vnet.checksum_offset", "Checksum offset", base.DEC)

local e = holdfast.experts
e.truncated = ProtoExpert.new("holdfast.truncated", "The frame ends before what its type needs", expert.group.MALFORMED, expert.severity.ERROR)
e.length = ProtoExpert.new("holdfast.bad_length", "The length is none that a frame has", expert.group.MALFORMED, expert.severity.ERROR)
e.type = ProtoExpert.new("holdfast.unknown_type", "The type is unknown", expert.group.PROTOCOL, expert.severity.WARN)

local ip = Dissector.get("ip")
local ipv6 = Dissector.get("ipv6")
local data = Dissector.get("data")

local function truncated(tree)
  tree:add_proto_expert_info(e.truncated)
end

local function vnet(buffer, tree)
  local header = buffer(0, VNET)
  local sub = tree:add(f.vnet, header)
  sub:add(f.needs_checksum, buffer(0, 1))
  sub:add(f.data_valid, buffer(0, 1))
  sub:add(f.gso_type, buffer(1, 1))
  sub:add(f.gso_ecn, buffer(1, 1))
  sub:add_le(f.header_length, buffer(2, 2))
  sub:add_le(f.gso_size, buffer(4, 2))
  sub:add_le(f.checksum_start, buffer(6, 2))
  sub:add_le(f.checksum_offset, buffer(8, 2))
end

-- The inner packet behind its virtio_net_hdr. Returns what the packet list shall say before it.
local function packet(buffer, pinfo, tree, root)
  if buffer:len() <= VNET then
    truncated(tree)
    return
  end
  vnet(buffer, tree)
  local inner = buffer(VNET):tvb()
  local version = bit.rshift(buffer(VNET, 1):uint(), 4)
  if version == 4 then
    ip:call(inner, pinfo, root)
  elseif version == 6 then
    ipv6:call(inner, pinfo, root)
  else
    data:call(inner, pinfo, root)
  end
end

-- One whole frame, or as much of it as was captured.
local function frame(buffer, pinfo, root)
  pinfo.cols.protocol = "Holdfast"
  local tree = root:add(holdfast, buffer())
  if buffer:len() < HEADER then
    truncated(tree)
    return
  end
  local length = buffer(0, 4):uint()
  local code = buffer(4, 1):uint()
  local name = TYPES[code] or ("unknown type " .. code)
  tree:add(f.length, buffer(0, 4))
  tree:add(f.type, buffer(4, 1))
  tree:append_text(", " .. name)
  if length < 1 or length > LONGEST then
    tree:add_proto_expert_info(e.length)
    return
  end
  pinfo.cols.info = name
  local payload = buffer:len() > HEADER and buffer(HEADER):tvb() or nil
  local there = payload and payload:len() or 0
  if code == 4 or code == 9 then
    if there == 0 then
      truncated(tree)
    else
      packet(payload, pinfo, tree, root)
    end
  elseif code == 5 then
    if there <= STAGING_ID then
      truncated(tree)
    else
      tree:add(f.staging_id, payload(0, STAGING_ID))
      packet(payload(STAGING_ID):tvb(), pinfo, tree, root)
    end
  elseif code == 6 or code == 7 or code == 8 then
    if there < STAGING_ID then
      truncated(tree)
    else
      tree:add(code == 6 and f.staging_id or f.marker, payload(0, STAGING_ID))
      pinfo.cols.info = name .. " " .. tostring(code == 6 and payload(0, 8):uint64() or payload(0, 8):int64())
    end
  elseif code == 2 then
    if there < 40 then
      truncated(tree)
    else
      tree:add(f.migration, payload(0, 16))
      tree:add(f.epoch, payload(16, 8))
      tree:add(f.token, payload(24, 16))
      if there > 40 then
        tree:add(f.lane, payload(40, 1))
      end
    end
  elseif code == 3 then
    if there < 1 then
      truncated(tree)
    else
      tree:add(f.accepted, payload(0, 1), payload(0, 1):uint() == 0)
      if there > 1 then
        tree:add(f.reason, payload(1))
      end
    end
  elseif code == 1 then
    if there > 0 then
      tree:add(f.control, payload())
    end
  else
    tree:add_proto_expert_info(e.type)
  end
end

-- A packet with link type USER0 is one frame.
function holdfast.dissector(buffer, pinfo, root)
  frame(buffer, pinfo, root)
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, holdfast)

-- In a stream of decrypted TLS one frame follows the other.
local stream = Proto("holdfast.stream", "Holdfast data connection")

local function frame_length(buffer, pinfo, offset)
  local length = buffer(offset, 4):uint()
  if length < 1 or length > LONGEST then
    return buffer:len() - offset -- it is no stream of ours, and there is nothing to wait for
  end
  return 4 + length
end

local function stream_frame(buffer, pinfo, root)
  frame(buffer, pinfo, root)
  return buffer:len()
end

function stream.dissector(buffer, pinfo, root)
  dissect_tcp_pdus(buffer, root, HEADER, frame_length, stream_frame)
  return buffer:len()
end

-- By port and by what the two ends have agreed on, and for Decode As; a Wireshark without one of these tables has the
-- others.
pcall(function() DissectorTable.get("tcp.port"):add_for_decode_as(stream) end)
for table_name, key in pairs({ ["tls.port"] = 4754, ["tls.alpn"] = "holdfast/1" }) do
  pcall(function() DissectorTable.get(table_name):add(key, stream) end)
end
