import { marked } from 'marked'

// Renders the Markdown text in `markdown` to HTML and lists its headings, so that a page can show a table of contents.
export function main({ markdown }) {
  if (typeof markdown !== 'string') return { error: 'markdown must be a string' }
  const headings = marked
    .lexer(markdown)
    .filter((token) => token.type === 'heading')
    .map(({ depth, text }) => ({ depth, text }))
  console.log(`rendered ${markdown.length} characters with ${headings.length} headings`)
  return { html: marked.parse(markdown), headings }
}
