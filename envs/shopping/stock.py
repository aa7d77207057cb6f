"""What the generated shop sells: families of goods, their kinds, properties and options.

Two things are kept from every word list, because the original reward cuts a
bought option down to the first colour whose name it contains: no option holds a
colour's name inside another word, and colours are named by one of the reward's own.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAMILIES", "OTHER_WORDS", "Family", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Be one kind of goods: `wanted` as a shopper says it, `query` as the shop files it; dollars."""

    wanted: str
    query: str
    low: int
    high: int

    @property
    def noun(self) -> str:
        """Return the bare name: without article, "some" or "a pair of"."""
        words = self.wanted.removeprefix("a pair of ").removeprefix("a set of ").split(" ")
        return " ".join(words[1:] if words[0] in ("a", "an", "some") else words)


@dataclass(frozen=True, slots=True)
class Family:
    """Be kinds that share a department, materials, properties and options.

    `properties` maps an attribute to other ways of saying it.
    """

    category: str
    path: tuple[str, ...]
    kinds: tuple[Kind, ...]
    materials: tuple[str, ...]
    uses: tuple[str, ...]
    properties: dict[str, tuple[str, str]]
    options: dict[str, tuple[str, ...]]


_COLOURS = ("black", "white", "navy", "olive", "burgundy", "teal", "grey", "mustard", "lavender", "coral")
_SIZES = ("x-small", "small", "medium", "large", "x-large", "xx-large")
_BEDS = ("twin", "full", "queen", "king")
_PACKS = ("pack of 1", "pack of 3", "pack of 6", "pack of 12")

OTHER_WORDS = {
    "x-small": "extra small", "x-large": "extra large", "xx-large": "double extra large",
    "pack of 1": "a single pack", "pack of 3": "a three pack", "pack of 6": "a six pack",
    "pack of 12": "a dozen packs",
}  # fmt: skip
"""Other ways of saying an option's value, for hard instructions."""

FAMILIES = (
    Family(
        "fashion",
        ("Clothing", "Women", "Tops"),
        (
            Kind("a blouse", "women's blouses", 14, 48),
            Kind("a tunic", "women's tunics", 15, 52),
            Kind("a cardigan", "women's cardigans", 22, 78),
            Kind("a hoodie", "women's hoodies", 20, 66),
            Kind("a turtleneck", "women's turtlenecks", 18, 60),
            Kind("a tank top", "women's tank tops", 9, 32),
        ),
        ("Cotton", "Linen", "Bamboo", "Merino", "Jersey", "Flannel"),
        ("Office", "Weekends", "Travel", "Evenings", "Yoga"),
        {
            "machine wash": ("can go in the washer", "does not need hand washing"),
            "long sleeve": ("covers the arms down to the wrist", "has full length sleeves"),
            "loose fit": ("sits wide on the body", "is not tight"),
            "slim fit": ("follows the body closely", "is cut narrow"),
            "button closure": ("closes with buttons", "has buttons down the front"),
            "quick drying": ("dries fast", "is dry again soon after rain"),
            "moisture wicking": ("keeps sweat off the skin", "pulls sweat away"),
            "tummy control": ("smooths the belly", "flattens the stomach"),
            "high neck": ("comes up to the chin", "covers the throat"),
        },
        {"size": _SIZES, "color": _COLOURS},
    ),
    Family(
        "fashion",
        ("Clothing", "Men", "Trousers"),
        (
            Kind("a pair of jeans", "men's jeans", 24, 90),
            Kind("a pair of chinos", "men's chinos", 22, 75),
            Kind("a pair of shorts", "men's shorts", 12, 44),
            Kind("a pair of sweatpants", "men's sweatpants", 16, 58),
            Kind("a pair of joggers", "men's joggers", 17, 60),
            Kind("a pair of overalls", "men's overalls", 35, 120),
        ),
        ("Twill", "Cotton", "Corduroy", "Fleece", "Hemp", "Canvas"),
        ("Work", "Hiking", "Golf", "Lounging", "Climbing"),
        {
            "elastic waist": ("stretches around the waist", "has a rubber band in the waist"),
            "straight leg": ("is cut straight down the leg", "does not taper"),
            "stretch fabric": ("gives when you bend", "is made of something stretchy"),
            "drawstring closure": ("ties with a cord", "has a cord to tie"),
            "hand wash": ("is to be washed by hand", "should not go in the washer"),
            "light weight": ("hardly weighs anything", "is thin enough for summer"),
            "relaxed fit": ("leaves room at the thigh", "is comfortably cut"),
            "deep pockets": ("has pockets that hold a phone safely", "has roomy pockets"),
            "reinforced knees": ("has doubled knees", "will not wear through at the knee"),
        },
        {"size": _SIZES, "color": _COLOURS[:7]},
    ),
    Family(
        "fashion",
        ("Clothing", "Unisex", "Shoes"),
        (
            Kind("a pair of sneakers", "sneakers", 28, 110),
            Kind("a pair of ankle boots", "ankle boots", 40, 150),
            Kind("a pair of sandals", "sandals", 18, 70),
            Kind("a pair of loafers", "loafers", 30, 120),
            Kind("a pair of slippers", "slippers", 12, 45),
            Kind("a pair of clogs", "clogs", 20, 80),
        ),
        ("Leather", "Suede", "Mesh", "Canvas", "Cork", "Knit"),
        ("Walking", "Nursing", "Garden", "Commuting", "Gym"),
        {
            "non slip": ("does not slide on wet floors", "has grip on tiles"),
            "arch support": ("holds up the arch of the foot", "is good for flat feet"),
            "memory foam": ("has an insole that shapes itself", "has cushions that remember the foot"),
            "water resistant": ("keeps out puddles", "does not soak through in rain"),
            "wide toe": ("leaves room for the toes", "does not squeeze in front"),
            "rubber sole": ("has soles of rubber", "is rubber underneath"),
            "anti odor": ("does not start to smell", "stays fresh inside"),
            "ankle support": ("holds the ankle", "keeps you from twisting the ankle"),
            "easy on": ("can be put on without hands", "slides right on"),
        },
        {"size": ("6", "7", "8", "9", "10", "11", "12"), "color": _COLOURS[:6], "width": ("regular", "wide")},
    ),
    Family(
        "beauty",
        ("Beauty", "Skin Care", "Face and Body"),
        (
            Kind("a face cream", "face moisturizers", 9, 60),
            Kind("a face serum", "face serums", 12, 75),
            Kind("a body lotion", "body lotions", 7, 34),
            Kind("a sunscreen", "sunscreens", 8, 36),
            Kind("a clay mask", "face masks", 6, 28),
            Kind("a lip balm", "lip balms", 3, 16),
        ),
        ("Oat", "Aloe", "Shea", "Jojoba", "Squalane", "Calendula"),
        ("Mornings", "Winter", "Travel", "Nights", "Sport"),
        {
            "cruelty free": ("was not tried on animals", "is kind to animals"),
            "fragrance free": ("has no perfume in it", "smells of nothing"),
            "paraben free": ("is without parabens", "holds no parabens"),
            "anti aging": ("works on wrinkles", "keeps skin looking young"),
            "hyaluronic acid": ("contains hyaluron", "has hyaluron for moisture"),
            "tea tree": ("has melaleuca oil", "has the oil of melaleuca leaves"),
            "sensitive skin": ("does not irritate", "is gentle to skin that reddens easily"),
            "dry skin": ("helps skin that flakes", "is meant for flaky skin"),
            "fast absorbing": ("sinks in quickly", "leaves no film"),
        },
        {
            "size": ("1 ounce", "2 ounce", "4 ounce", "8 ounce"),
            "scent": ("vanilla", "citrus", "cucumber", "honey", "jasmine"),
        },
    ),
    Family(
        "beauty",
        ("Beauty", "Hair Care", "Wash and Style"),
        (
            Kind("a shampoo", "shampoos", 6, 32),
            Kind("a conditioner", "conditioners", 6, 32),
            Kind("a hair mask", "hair masks", 8, 38),
            Kind("a hair oil", "hair oils", 9, 42),
            Kind("a curl cream", "curl creams", 8, 30),
            Kind("a dry shampoo", "dry shampoos", 6, 24),
        ),
        ("Argan", "Coconut", "Rosemary", "Keratin", "Biotin", "Avocado"),
        ("Daily Use", "Curls", "Salon", "Swimmers", "Travel"),
        {
            "sulfate free": ("has no sulfates", "foams without sulfates"),
            "color treated hair": ("is safe on dyed hair", "keeps dye from washing out"),
            "hair growth": ("helps hair grow", "makes hair come in faster"),
            "damaged hair": ("repairs broken strands", "mends split ends"),
            "anti dandruff": ("stops flakes on the scalp", "is against dandruff"),
            "heat protection": ("shields from the blow dryer", "guards against hot irons"),
            "silicone free": ("is without silicone", "leaves no silicone"),
            "fine hair": ("does not weigh thin hair down", "is for thin strands"),
            "leave in": ("stays in without rinsing", "needs no rinsing"),
        },
        {
            "size": ("4 ounce", "8 ounce", "12 ounce", "32 ounce"),
            "scent": ("citrus", "mango", "eucalyptus", "almond"),
        },
    ),
    Family(
        "electronics",
        ("Electronics", "Audio", "Portable Audio"),
        (
            Kind("a pair of headphones", "headphones", 25, 240),
            Kind("a pair of earbuds", "earbuds", 18, 160),
            Kind("a speaker", "bluetooth speakers", 20, 180),
            Kind("a soundbar", "soundbars", 60, 300),
            Kind("a microphone", "microphones", 25, 150),
            Kind("a radio", "portable radios", 18, 90),
        ),
        ("Aluminum", "Walnut", "Carbon", "Fabric", "Titanium", "Bakelite"),
        ("Studio", "Running", "Kitchen", "Gaming", "Office"),
        {
            "noise cancelling": ("shuts out the noise around you", "makes trains go silent"),
            "water proof": ("survives being dropped in a pool", "can be used in the shower"),
            "fast charging": ("is full again in minutes", "charges quickly"),
            "long lasting": ("runs for days on a charge", "does not die halfway through the day"),
            "hands free": ("lets you talk while you cook", "takes calls without touching it"),
            "high definition": ("sounds very clear", "has crisp sound"),
            "plug play": ("works without installing anything", "needs no setup"),
            "carrying case": ("comes with something to carry it in", "has its own pouch"),
            "voice control": ("listens to commands", "does what you tell it"),
        },
        {"color": ("black", "white", "silver", "navy", "coral"), "style": ("basic", "plus", "pro")},
    ),
    Family(
        "electronics",
        ("Electronics", "Computers", "Accessories"),
        (
            Kind("a power bank", "power banks", 15, 80),
            Kind("a usb hub", "usb hubs", 12, 70),
            Kind("a keyboard", "keyboards", 18, 150),
            Kind("a webcam", "webcams", 20, 130),
            Kind("a laptop sleeve", "laptop sleeves", 10, 50),
            Kind("a phone charger", "phone chargers", 9, 55),
        ),
        ("Aluminum", "Felt", "Bamboo", "Carbon", "Nylon", "Zinc"),
        ("Travel", "Desk", "Students", "Streaming", "Conferences"),
        {
            "easy install": ("is set up in a minute", "takes no skill to set up"),
            "wireless": ("works without a cable", "needs no cord"),
            "quick release": ("comes off with one hand", "detaches at once"),
            "overload protection": ("switches off before it overheats", "guards against power surges"),
            "usb c": ("has the small oval port", "fits the newer oval plug"),
            "back lit": ("glows in the dark", "has lights under it"),
            "ultra thin": ("is flat as a notebook", "is very flat"),
            "shock proof": ("survives a fall", "does not mind being dropped"),
            "low noise": ("is quiet", "makes hardly any sound"),
        },
        {"color": ("black", "white", "silver", "teal"), "size": ("mini", "compact", "full size")},
    ),
    Family(
        "garden",
        ("Home", "Furniture", "Living Room"),
        (
            Kind("a coffee table", "coffee tables", 60, 320),
            Kind("a bookshelf", "bookshelves", 50, 280),
            Kind("a nightstand", "nightstands", 35, 180),
            Kind("a bench", "benches", 55, 260),
            Kind("a writing desk", "writing desks", 80, 400),
            Kind("a bar stool", "bar stools", 40, 190),
        ),
        ("Oak", "Rattan", "Birch", "Steel", "Marble", "Pine"),
        ("Small Rooms", "Hallway", "Loft", "Cabin", "Studio"),
        {
            "easy assemble": ("goes together without tools", "is quickly put together"),
            "solid wood": ("is not veneer", "is wood all through"),
            "space saving": ("takes up little room", "fits in a corner"),
            "heavy duty": ("carries a lot of weight", "does not wobble under load"),
            "storage space": ("has somewhere to put things away", "has room inside"),
            "metal legs": ("stands on metal", "has feet of metal"),
            "scratch resistant": ("does not mark easily", "shrugs off keys and claws"),
            "adjustable height": ("can be raised and lowered", "goes up and down"),
            "mid century": ("looks like the nineteen fifties", "has a fifties look"),
        },
        {
            "color": ("walnut", "white", "black", "espresso", "natural"),
            "size": ("24 inch", "36 inch", "48 inch"),
        },
    ),
    Family(
        "garden",
        ("Home", "Textiles", "Bedroom and Bath"),
        (
            Kind("a duvet cover", "duvet covers", 25, 120),
            Kind("a set of pillowcases", "pillowcases", 10, 48),
            Kind("a throw blanket", "throw blankets", 18, 90),
            Kind("a set of curtains", "curtains", 20, 96),
            Kind("a mattress pad", "mattress pads", 30, 140),
            Kind("a quilt", "quilts", 35, 160),
        ),
        ("Percale", "Linen", "Sateen", "Velvet", "Muslin", "Bamboo"),
        ("Guest Room", "Nursery", "Dorm", "Summer", "Winter"),
        {
            "machine washable": ("can go in the washer", "does not need dry cleaning"),
            "super soft": ("feels like a cloud", "is very soft"),
            "double sided": ("looks good from both sides", "can be turned around"),
            "fade resistant": ("keeps its color in the sun", "does not bleach"),
            "hypoallergenic": ("does not make you sneeze", "is fine for allergies"),
            "wrinkle free": ("needs no ironing", "does not crease"),
            "zipper closure": ("closes with a zip", "zips shut"),
            "blackout": ("lets no light through", "keeps the morning out"),
            "breathable": ("does not get stuffy", "lets air through"),
        },
        {"size": _BEDS, "color": _COLOURS},
    ),
    Family(
        "garden",
        ("Home", "Kitchen", "Cookware and Drinkware"),
        (
            Kind("a set of mugs", "mugs", 12, 55),
            Kind("a frying pan", "frying pans", 18, 120),
            Kind("a water bottle", "water bottles", 10, 48),
            Kind("a cutting board", "cutting boards", 12, 70),
            Kind("a kettle", "kettles", 20, 110),
            Kind("a set of storage jars", "storage jars", 14, 60),
        ),
        ("Stoneware", "Glass", "Copper", "Enamel", "Bamboo", "Iron"),
        ("Camping", "Bakers", "Office", "Big Families", "Gifts"),
        {
            "dishwasher safe": ("can go in the dishwasher", "does not need rinsing by hand"),
            "bpa free": ("has no bisphenol", "is free of harmful plastic"),
            "leak proof": ("does not drip in the bag", "stays shut upside down"),
            "heat resistant": ("can stand on a hot stove", "does not mind boiling water"),
            "non stick": ("lets eggs slide off", "needs hardly any oil"),
            "double wall": ("keeps warm and does not burn fingers", "has two walls"),
            "easy clean": ("wipes clean", "is no trouble to clean"),
            "lead free": ("has no lead in the glaze", "is safe from lead"),
            "induction ready": ("works on an induction stove", "suits an induction hob"),
        },
        {
            "color": ("white", "black", "teal", "mustard", "copper"),
            "capacity": ("12 ounce", "20 ounce", "32 ounce"),
        },
    ),
    Family(
        "grocery",
        ("Grocery", "Snacks", "Sweet and Salty"),
        (
            Kind("some granola bars", "granola bars", 5, 32),
            Kind("some trail mix", "trail mixes", 7, 38),
            Kind("some crackers", "crackers", 4, 26),
            Kind("some chocolate", "chocolate bars", 4, 36),
            Kind("some dried mango", "dried mangoes", 6, 34),
            Kind("some popcorn", "popcorns", 4, 28),
        ),
        ("Quinoa", "Maple", "Rye", "Cacao", "Spelt", "Sesame"),
        ("Lunch Boxes", "Hikers", "Parties", "Office", "Kids"),
        {
            "gluten free": ("is safe for celiacs", "is without wheat gluten"),
            "non gmo": ("is not genetically modified", "has no modified crops in it"),
            "sugar free": ("has no sugar", "is fine for diabetics"),
            "low sodium": ("has little salt", "is easy on salt"),
            "high protein": ("has plenty of protein", "is rich in protein"),
            "plant based": ("is made of plants alone", "has nothing from animals"),
            "nut free": ("is safe with a nut allergy", "has no nuts in it"),
            "kosher certified": ("is kosher", "has a kosher stamp"),
            "individually wrapped": ("comes in single pieces", "is wrapped piece by piece"),
        },
        {"flavor name": ("sea salt", "honey", "cinnamon", "peanut", "ginger", "berry"), "size": _PACKS},
    ),
    Family(
        "grocery",
        ("Grocery", "Beverages", "Coffee, Tea and Mixes"),
        (
            Kind("some tea", "teas", 5, 34),
            Kind("some ground coffee", "ground coffees", 8, 44),
            Kind("some hot cocoa", "hot cocoas", 6, 28),
            Kind("a protein shake", "protein shakes", 14, 60),
            Kind("some sparkling water", "sparkling waters", 6, 30),
            Kind("a drink mix", "drink mixes", 5, 26),
        ),
        ("Highland", "Harvest", "Alpine", "Island", "Monsoon", "Meadow"),
        ("Breakfast", "Iced Drinks", "Afternoons", "Athletes", "Gifts"),
        {
            "caffeine free": ("will not keep you awake", "has no caffeine"),
            "certified organic": ("is officially organic", "carries an organic seal"),
            "fair trade": ("pays its farmers properly", "is traded fairly"),
            "dairy free": ("has no milk in it", "is without milk"),
            "keto friendly": ("fits a keto diet", "is low enough in carbs for keto"),
            "zero calorie": ("has no calories", "does not count as calories"),
            "resealable bag": ("can be closed again", "comes in a bag that shuts"),
            "soy free": ("has no soy", "is without soy"),
            "single serve": ("comes in portions for one cup", "is portioned cup by cup"),
        },
        {"flavor name": ("vanilla", "ginger", "citrus", "hazelnut", "original"), "size": _PACKS},
    ),
)
