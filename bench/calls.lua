-- wrk's requests. Arguments: operation, login, password, first and last ticket's number.
-- Tickets are chosen at random, and texts are never the same twice: no call repeats another.

local operation, first, last, opening, closing
local sent = 0

local ELEMENTS = {
  TicketGet = function(number)
    return "<n:GHD_Request_ID>" .. number .. "</n:GHD_Request_ID>"
  end,
  OpCreate = function(_, unique)
    return "<n:GHD_Description>Measured loss between the ends of the link.</n:GHD_Description>"
      .. "<n:GHD_Origin_ID>" .. unique .. "</n:GHD_Origin_ID>"
      .. "<n:GHD_Priority>urgent</n:GHD_Priority>"
      .. "<n:GHD_Short_Description>Sample " .. unique .. "</n:GHD_Short_Description>"
      .. "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
      .. "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
      .. "<n:GHD_Affected_Site>FZK-LCG2</n:GHD_Affected_Site>"
  end,
  TicketModify = function(number, unique)
    return "<n:GHD_Responsible_Unit>Unit " .. unique .. "</n:GHD_Responsible_Unit>"
      .. "<n:GHD_Request_ID>" .. number .. "</n:GHD_Request_ID>"
      .. "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
      .. "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
      .. "<n:GHD_Public_Diary>We are looking into it " .. unique .. "</n:GHD_Public_Diary>"
  end,
}

function init(arguments)
  operation = arguments[1]
  first, last = tonumber(arguments[4]), tonumber(arguments[5])
  math.randomseed(os.time())
  run = math.random(100000, 999999) .. "-"
  opening = '<?xml version="1.0" encoding="UTF-8"?>'
    .. '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
    .. "<e:Header><n:AuthenticationInfo><n:userName>" .. arguments[2] .. "</n:userName>"
    .. "<n:password>" .. arguments[3] .. "</n:password></n:AuthenticationInfo></e:Header>"
    .. "<e:Body><n:" .. operation .. ">"
  closing = "</n:" .. operation .. "></e:Body></e:Envelope>"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
  wrk.headers["SOAPAction"] = '"urn:GGUS/' .. operation .. '"'
end

function request()
  sent = sent + 1
  local number = string.format("%d", math.random(first, last))
  return wrk.format(nil, nil, nil, opening .. ELEMENTS[operation](number, run .. sent) .. closing)
end
