-- wrk: TicketGet of tickets chosen at random, so that no call is the same as the one before.
-- Arguments: login, password, first number, last number.
local head, tail

function init(arguments)
  local login, password = arguments[1], arguments[2]
  first, last = tonumber(arguments[3]), tonumber(arguments[4])
  math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 100000)
  head = '<?xml version="1.0" encoding="UTF-8"?>'
    .. '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
    .. "<e:Header><n:AuthenticationInfo><n:userName>" .. login .. "</n:userName><n:password>"
    .. password .. "</n:password></n:AuthenticationInfo></e:Header><e:Body><n:TicketGet>"
    .. "<n:GHD_Request_ID>"
  tail = "</n:GHD_Request_ID></n:TicketGet></e:Body></e:Envelope>"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
  wrk.headers["SOAPAction"] = '"urn:GGUS/TicketGet"'
end

function request()
  return wrk.format(nil, nil, nil, head .. math.random(first, last) .. tail)
end
