"""Function words by language: what a query drops, because it says nothing of what is looked for.

Only queries drop them; an index keeps every word, so that phrases are found to the letter. The lists hold articles,
pronouns, prepositions, conjunctions, auxiliary verbs and question words alone: no noun and no full verb.
"""

from __future__ import annotations

from collections.abc import Mapping

# English has the question words of "how do I …" and the tails of contractions ("don't") among them.
_LISTS: Mapping[str, str] = {
    "en": """
a about above after again against all am an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from further had has have having he her here hers herself him
himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or
other our ours ourselves out over own same she should so some such than that the their theirs them themselves then
there these they this those through to too under until up very was we were what when where which while who whom why
will with would you your yours yourself yourselves s t d ll m re ve don didn doesn isn wasn aren couldn wouldn
""",
    "de": """
aber alle allem allen aller alles als also am an andere anderen anderer auch auf aus bei beim bin bis bist da dabei
damit dann das dass dazu dein deine deinem deinen deiner dem den denn der deren des dessen dich die dies diese
diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer für gegen
gibt hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins
ist ja jede jedem jeden jeder jedes jene jetzt kann kein keine keinem keinen keiner man mein meine meinem meinen
meiner mich mir mit nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seit sich sie
sind so soll sollen sondern sonst über um und uns unser unsere unserem unseren unter vom von vor wann war waren
warum was weil welche welchem welchen welcher welches wenn wer werden wie wieder wir wird wo woher wohin wurde
wurden zu zum zur zwar zwischen
""",
    "fr": """
a ai ainsi alors après as au aucun aucune aussi autre autres aux avant avec avez avoir avons c ce ceci cela celle
celles celui ces cet cette ceux chaque chez ci comme comment d dans de des depuis donc dont du elle elles en encore
entre es est et étaient étais était été êtes être eu eux il ils j je jusque l la là le lequel les leur leurs lors
lui m ma mais me même mêmes mes moi moins mon n ne ni nos notre nous on ont ou où par parce pas pendant peu peut
plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si soi son sont sous
suis sur t ta tandis te tes toi ton tous tout toute toutes très tu un une vers vos votre vous y
""",
    "es": """
a al algo alguna algunas alguno algunos ante antes aquel aquella aquellas aquellos aquí así aunque bajo cada como
cómo con contra cual cuál cuales cuándo cuando de del desde donde dónde durante e el él ella ellas ellos en entre
era eran es esa esas ese eso esos esta está están estas este esto estos fue fueron ha había han hasta hay la las le
les lo los más me mi mis mucho muy nada ni no nos nosotros nuestra nuestras nuestro nuestros o os otra otras otro
otros para pero poco por porque qué que quien quién quienes se sea ser si sí sin sino sobre son su sus suya suyo
también tan tanto te tiene tienen toda todas todo todos tu tus u un una unas uno unos y ya yo
""",
    "pt": """
a à ao aos aquela aquelas aquele aqueles aquilo as às assim até com como da das de dela delas dele deles depois do
dos e é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas este estes eu foi foram há
isso isto já lhe lhes mais mas me mesmo meu meus minha minhas muito na não nas nem no nos nós nossa nossas nosso
nossos num numa o onde os ou para pela pelas pelo pelos por porque quais qual quando que quem se seja sem ser seu
seus só são sob sobre sua suas também te tem têm teu teus tu tua tuas um uma umas uns você vocês vos
""",
    "it": """
a ad agli ai al alla alle allo anche avere aveva c che chi ci come con contro cui d da dagli dai dal dalla dalle
dallo degli dei del della delle dello di dove due e ed è era erano essere fra fu gli ha hai hanno ho i il in io l la
le lei li lo loro lui ma me mi mia mie miei mio ne negli nei nel nella nelle nello no noi non nostra nostre nostri
nostro o ogni per perché però più qual quale quali quando quanto quella quelle quelli quello questa queste questi
questo qui se sei senza si sia sono su sua sue sugli sui sul sulla sulle sullo suo suoi te ti tra tu tua tue tuo
tuoi tutti tutto un una uno v vi voi
""",
    "nl": """
aan al alle alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een er geen had
hadden heb hebben heeft hem het hier hij hoe hun iets ik in is ja je kan kon kunnen maar me meer men met mij mijn
moet na naar niet niets nog nu of om omdat onder ons onze ook op over reeds te tegen toch toen tot u uit uw van veel
voor waar waarom wanneer want waren was wat welk welke wel werd werden wie wij wordt zal ze zelf zich zij zijn zo
zonder zou
""",
}


def stop_words(language: str) -> tuple[str, ...]:
    """Return the function words of a language as people write them; none for a language without a list."""
    return tuple(_LISTS.get(language, "").split())
