const QRCode = require('qrcode')

// A QR code of `text`, as SVG (the default) or as a PNG data URL.
async function main({ text, format = 'svg', level = 'M' }) {
  if (typeof text !== 'string' || text === '') return { error: 'text must be a string that is not empty' }
  const options = { errorCorrectionLevel: level }
  const { version } = QRCode.create(text, options)
  console.log(`version ${version}, level ${level}`)
  if (format === 'png') return { version, png: await QRCode.toDataURL(text, options) }
  return { version, svg: await QRCode.toString(text, { ...options, type: 'svg' }) }
}

exports.main = main
