const { PDFDocument, StandardFonts } = require('pdf-lib')

const A4 = [595, 842]
const MARGIN = 50

// An invoice as a PDF of one page, base64: `{customer, number, items: [{text, cents}]}`.
exports.makeInvoice = async function ({ customer, number, items = [] }) {
  if (!customer || items.length === 0) throw new Error('customer and at least one item are needed')
  const total = items.reduce((sum, item) => sum + item.cents, 0)
  const document = await PDFDocument.create()
  const font = await document.embedFont(StandardFonts.Helvetica)
  const page = document.addPage(A4)
  const money = (cents) => (cents / 100).toFixed(2)
  const lines = [
    `Invoice ${number}`,
    `To: ${customer}`,
    '',
    ...items.map((item) => `${money(item.cents).padStart(12)}   ${item.text}`),
    `${money(total).padStart(12)}   Total`,
  ]
  lines.forEach((line, row) => page.drawText(line, { x: MARGIN, y: A4[1] - MARGIN - 18 * row, size: 12, font }))
  document.setTitle(`Invoice ${number}`)
  return { total, pages: document.getPageCount(), pdf: await document.saveAsBase64() }
}
