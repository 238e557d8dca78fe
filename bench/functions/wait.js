function main(args) { return new Promise((done) => setTimeout(() => done(args), 175)) }
