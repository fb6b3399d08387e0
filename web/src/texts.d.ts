// Texts of one part in one language, as web/build.mjs takes them from web/src/words/.
declare module "texts:*" {
  const texts: object;
  export default texts;
}
